"""One timed piece of work, in a process of its own that does nothing else: what the table's sides are made of.

    python -m benchmarks.table.timed MODULE:FUNCTION [ARGUMENT ...]

The function prepares, with what it is given as strings, and returns the work. The last line printed is what that took,
as JSON, without preparations and imports. Standard library alone: the peers' environment has nothing of this project.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

# Does the work once, and says what came out: "14 clips".
Work: TypeAlias = Callable[[], str]


def main() -> None:
    """Prepare, work, tell."""
    where, *arguments = sys.argv[1:]
    module, name = where.split(":")
    work: Work = getattr(import_module(module), name)(*arguments)
    start_s, before_s = time.perf_counter(), sum(os.times()[:4])
    made = work()
    cpu_s = sum(os.times()[:4]) - before_s
    print("\n" + json.dumps({"cpu_s": cpu_s, "wall_s": time.perf_counter() - start_s, "made": made}))


if __name__ == "__main__":
    main()
