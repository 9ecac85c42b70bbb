"""What holds for every test."""

import os
from importlib.util import find_spec

# Tests that run side by side share the cores: with a thread for every core each, they wait for one another, and a test
# of twenty seconds takes two hundred. Said here, before torch and OpenMP are loaded; what tests start inherits it.
if side_by_side := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    threads = str(max(1, (os.cpu_count() or 1) // int(side_by_side)))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, threads)

# The environment of the older packages (tests/legacy) has no hypothesis.
if find_spec("hypothesis"):
    from hypothesis import settings

    # How long an example takes depends on the machine and on what else it does: no test is about that.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
