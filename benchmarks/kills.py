"""What 40 kills do to a run that is started again: the table of `docs/dataset.md`.

    python -m benchmarks.kills [--moments 40] [--seed 0]

The runs are those of `tests/chaos`. The status is 1 if any of the three tables differs from that of an undisturbed run,
or a temporary file is left.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.kills import run_killed, run_undisturbed


def main() -> int:
    """Print a line for each moment, and how many ended as they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        undisturbed = run_undisturbed(Path(scratch) / "undisturbed")
        counts = {name: len(rows) for name, rows in undisturbed.tables.items()}
        print(f"undisturbed: {undisturbed.seconds:.1f} s, {undisturbed.shards} shards, rows {counts}")
        print(f"{'seed':>4} {'killed':7} {'at':9} {'rows then':>9}  tables afterwards")
        whole = hits = 0
        for seed in range(arguments.seed, arguments.seed + arguments.moments):
            killed = run_killed(Path(scratch) / str(seed), undisturbed, seed=seed)
            whole += killed.is_whole
            hits += killed.has_hit
            found = "equal" if killed.is_whole else f"DIFFER: {killed.differing}, left over: {killed.left_over}"
            found += "" if killed.has_hit else " (nothing to kill)"
            print(f"{seed:4} {killed.victim:7} {killed.when:9} {killed.rows_before:9}  {found}", flush=True)
    print(
        f"{hits} of {arguments.moments} kills hit a process; {whole} ended like the undisturbed run, nothing left over"
    )
    return 0 if whole == arguments.moments else 1


if __name__ == "__main__":
    sys.exit(main())
