"""What holds for every test."""

import os
from importlib.util import find_spec
from typing import Any

import pytest

_SLOW_TIMEOUT_S = 1800
_ONE_PROCESS = ("tests/pipelines/proof/", "tests/curation/annotators/language/")  # each trains a model
_LONGEST = (
    *_ONE_PROCESS,
    "tests/pipelines/housekeeping/test_stored.py",
    "tests/test_extras.py",
    "tests/modeling/training/",
    "tests/curation/stages/test_decode_bad_files.py",
    "tests/curation/execution/",
    "tests/pipelines/verbs/test_submit.py",
)

# The environment of the older packages (tests/legacy) has no hypothesis.
if find_spec("hypothesis"):
    from hypothesis import settings

    # How long an example takes depends on the machine and on what else it does: no test is about that.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Tests that run side by side share the cores, and what they start inherits it.

    With a thread for every core each, they wait for one another, and a test of twenty seconds takes two hundred. Said
    before xdist starts its processes: there a plugin loads numpy, which reads it once, before this file.
    """
    if side_by_side := getattr(config.option, "numprocesses", None):
        threads = str(max(1, (os.cpu_count() or 1) // side_by_side))
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, threads)


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests that run side by side share what is dear to make: those of a file, and of some folders, run in one process.

    xdist's own way to say so, its `xdist_group`, groups nothing under pytest 9.2. Files start in their order here, not
    those of many tests first: a file of few long ones would come last, and the other processes would wait for it.
    """
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    scheduler = LoadFileScheduling(config, log)
    file_of = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: next(filter(nodeid.startswith, _ONE_PROCESS), None) or file_of(nodeid)
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What holds for tests of a kind, and the files that take longest first.

    What a driver or a library says of the machine's GPU is shown, and no error as warnings are elsewhere. Slow tests
    have more time than others before they are taken for stuck.
    """
    for item in filter(_needs_gpu, items):
        item.add_marker(pytest.mark.filterwarnings("default"))
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_TIMEOUT_S))
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """A run of nothing but tests that need a GPU does not pass by skipping them all."""
    selected = session.items
    if not selected or session.config.option.collectonly or not all(map(_needs_gpu, selected)) or _has_gpu():
        return
    raise pytest.UsageError(
        f"{len(selected)} tests for a GPU were asked for, and PyTorch finds none here (torch.cuda.is_available() is "
        "false); run them on a machine with one, where nvidia-smi lists it and PyTorch is built for CUDA"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Among others, a test that needs a GPU is left out where there is none."""
    if _needs_gpu(item) and not _has_gpu():
        pytest.skip("needs a GPU, and PyTorch finds none here")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """The CPU by default, and a GPU in `make test-gpu`: what is true of one is true of the other."""
    name: str = request.param
    return name


def _needs_gpu(item: pytest.Item) -> bool:
    return item.get_closest_marker("gpu") is not None


def _has_gpu() -> bool:
    import torch  # only here: most tests do without

    return torch.cuda.is_available()
