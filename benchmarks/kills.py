"""What 40 kills do to a run that is started again: the tables of `docs/dataset.md`.

    python -m benchmarks.kills [--moments 40] [--seed 0]
    python -m benchmarks.kills --store

The runs are those of `tests/chaos`. With `--store` they write into a store on loopback, which refuses, cuts or delays
no request, every 4th and every 2nd in turn, and nine of 36 runs have Ray's workers and writer. Each wait for a dead
holder's lease takes its 60 s, so the whole takes an hour or more; `--seed 10 --moments 10` does a part.

The status is 1 if any of the three tables differs from that of an undisturbed run on a disk, or anything is left over:
a temporary file, an object that belongs to no dataset, an upload in parts.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from storage.address import Address
from tests.chaos.kills import Killed, Undisturbed, Workers, run_killed, run_undisturbed
from tests.chaos.sites import DiskSite, StoreSite
from tests.object_store import Proxy, environment, make_bucket, moto, proxied

_EVERY: Final = (0, 4, 2)

Run = Callable[[int, Undisturbed], tuple[str, Killed]]


def main() -> int:
    """Print a line for each moment, and how many ended as they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch, (_in_store if arguments.store else _on_disk)(Path(scratch)) as run:
        undisturbed = run_undisturbed(Path(scratch) / "undisturbed")
        counts = {name: len(rows) for name, rows in undisturbed.tables.items()}
        print(f"undisturbed: {undisturbed.seconds:.1f} s, {undisturbed.shards} shards, rows {counts}")
        print(f"{'seed':>4} {'run':22} {'killed':7} {'at':9} {'rows then':>9} {'again s':>7}  tables afterwards")
        whole = hits = 0
        for seed in range(arguments.seed, arguments.seed + arguments.moments):
            how, killed = run(seed, undisturbed)
            whole += killed.is_whole
            hits += killed.has_hit
            print(f"{seed:4} {how:22} {_line(killed)}", flush=True)
    print(
        f"{hits} of {arguments.moments} kills hit a process; {whole} ended like the undisturbed run, nothing left over"
    )
    return 0 if whole == arguments.moments else 1


def _line(killed: Killed) -> str:
    found = "equal" if killed.is_whole else f"DIFFER: {killed.differing}, left over: {killed.left_over}"
    found += "" if killed.has_hit else " (nothing to kill)"
    return f"{killed.victim:7} {killed.when:9} {killed.rows_before:9} {killed.again_s:7.0f}  {found}"


@contextmanager
def _on_disk(scratch: Path) -> Iterator[Run]:
    yield lambda seed, undisturbed: ("disk", run_killed(DiskSite(scratch / str(seed)), undisturbed, seed=seed))


@contextmanager
def _in_store(scratch: Path) -> Iterator[Run]:
    with moto() as url, proxied(url) as proxy:
        os.environ.update(environment(url))  # who looks on asks the store itself
        yield lambda seed, undisturbed: _run_in_store(scratch / str(seed), proxy, undisturbed, seed)


def _run_in_store(scratch: Path, proxy: Proxy, undisturbed: Undisturbed, seed: int) -> tuple[str, Killed]:
    """Of nine seeds each pairs another victim with another rate; every fourth nine are Ray's."""
    every = _EVERY[seed // 3 % 3]
    workers = Workers.RAY if seed // 9 % 4 == 3 else Workers.PROCESSES
    scratch.mkdir()
    proxy.plan(every, seed)
    make_bucket(proxy.upstream, f"moment-{seed}")
    site = StoreSite(Address(f"s3://moment-{seed}/dataset"), proxy, scratch)
    killed = run_killed(site, undisturbed, seed=seed, workers=workers)
    disturbed = f"every {every} refused" if every else "none refused"
    return f"{workers}, {disturbed}", killed


if __name__ == "__main__":
    sys.exit(main())
