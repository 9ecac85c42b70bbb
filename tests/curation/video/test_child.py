import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from curation.stage import ClipError
from curation.video.child import Child, ChildConfig
from dataset_schema import FailureKind

WORKER = (sys.executable, str(Path(__file__).with_name("hostile_worker.py")))
ENDS_WITHIN_S = 20.0

DRIVER = """
import sys, time
from curation.video.child import Child, ChildConfig
child = Child(ChildConfig(timeout_s=float(sys.argv[3])), [sys.executable, sys.argv[1]])
print(child.ask("process id", where="test"), flush=True)
child.ask(sys.argv[2], where="test")
time.sleep(3600)
"""


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child(ChildConfig(timeout_s=20.0, memory_bytes=1 << 30), WORKER)
    yield child
    child.close()


def is_gone(process_id: int) -> bool:
    """Whether the process has ended, all its threads with it; one that nobody has waited for yet counts."""
    try:
        process = psutil.Process(process_id)
        return bool(process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1)
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(process_id: int) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not is_gone(process_id):
        assert time.monotonic() < deadline, f"process {process_id} is still there"
        time.sleep(0.05)


def test_answers_many_requests_in_one_process_that_is_not_ours(child: Child) -> None:
    process_ids = {child.ask("process id", where="a.mp4") for _ in range(5)}

    assert len(process_ids) == 1
    assert process_ids == {child.pid}
    assert os.getpid() not in process_ids


def test_starts_a_fresh_process_after_so_many_requests() -> None:
    child = Child(ChildConfig(requests_per_process=2), WORKER)

    process_ids = [child.ask("process id", where="a.mp4") for _ in range(4)]
    child.close()

    assert process_ids[0] == process_ids[1] != process_ids[2] == process_ids[3]
    assert all(is_gone(process_id) for process_id in process_ids)


@pytest.mark.parametrize(
    ("misdeed", "kind", "words"),
    [
        ("crash", FailureKind.CRASH, "SIGSEGV"),
        ("abort", FailureKind.CRASH, "SIGABRT"),
        ("leave", FailureKind.CRASH, "exit status 3"),
        ("killed", FailureKind.CRASH, "killed from outside"),
        ("eat memory", FailureKind.MEMORY, "1024 MiB"),
        ("foreseen", FailureKind.CORRUPT, "is broken"),
    ],
)
def test_a_misdeed_costs_one_request_and_says_what_happened_where(
    child: Child, misdeed: str, kind: FailureKind, words: str
) -> None:
    with pytest.raises(ClipError) as caught:
        child.ask(misdeed, where="/videos/a.mp4")

    assert caught.value.kind is kind
    assert words in str(caught.value)
    assert str(caught.value).startswith("/videos/a.mp4: ")
    assert child.ask("process id", where="b.mp4") == child.pid


def test_a_crash_tells_the_line_it_happened_in(child: Child) -> None:
    with pytest.raises(ClipError, match="hostile_worker"):
        child.ask("crash", where="a.mp4")


@pytest.mark.parametrize("misdeed", ["hang", "hang without letting Python run"])
def test_a_hang_is_ended_in_time_and_costs_one_request(misdeed: str) -> None:
    child = Child(ChildConfig(timeout_s=0.5), WORKER)
    first = child.ask("process id", where="a.mp4")
    start = time.monotonic()

    with pytest.raises(ClipError, match=r"a\.mp4: no answer within 0\.5 s") as caught:
        child.ask(misdeed, where="a.mp4")

    assert caught.value.kind is FailureKind.TIMEOUT
    assert time.monotonic() - start < 15
    assert is_gone(first)
    assert child.ask("process id", where="b.mp4") != first
    child.close()


def test_a_process_that_is_stopped_from_outside_counts_as_hanging() -> None:
    child = Child(ChildConfig(timeout_s=0.5), WORKER)
    process_id = child.ask("process id", where="a.mp4")
    os.kill(process_id, signal.SIGSTOP)

    with pytest.raises(ClipError) as caught:
        child.ask("process id", where="a.mp4")
    child.close()

    assert caught.value.kind is FailureKind.TIMEOUT
    assert is_gone(process_id)


def test_a_process_that_dies_while_idle_costs_nothing(child: Child) -> None:
    process_id = child.ask("process id", where="a.mp4")
    os.kill(process_id, signal.SIGKILL)
    wait_until_gone(process_id)

    assert child.ask("process id", where="b.mp4") not in (None, process_id)


def test_a_defect_of_ours_is_not_blamed_on_the_clip(child: Child) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)please report it.*KeyError: 'a mistake of ours'"):
        child.ask("defect", where="a.mp4")


def test_what_a_library_prints_does_not_disturb_the_answers(child: Child) -> None:
    assert child.ask("print", where="a.mp4") == len("printed by a library\n")


def test_a_large_answer_arrives_whole(child: Child) -> None:
    assert child.ask("large answer", where="a.mp4") == b"x" * (40 << 20)


def test_close_leaves_no_process_and_may_be_repeated(child: Child) -> None:
    process_id = child.ask("process id", where="a.mp4")

    child.close()
    child.close()

    assert child.pid is None
    assert is_gone(process_id)


def test_a_child_that_is_forgotten_ends() -> None:
    process_id = Child(ChildConfig(), WORKER).ask("process id", where="a.mp4")

    wait_until_gone(process_id)


def test_a_child_outlives_the_thread_that_started_it(child: Child) -> None:
    starter = threading.Thread(target=lambda: child.ask("process id", where="a.mp4"))
    starter.start()
    starter.join()
    process_id = child.pid
    time.sleep(1.0)

    assert child.ask("process id", where="b.mp4") == process_id


@pytest.mark.parametrize(
    ("busy_with", "timeout_s"), [("process id", 60.0), ("hang", 60.0), ("hang without letting Python run", 1.0)]
)
def test_a_child_dies_with_a_parent_that_is_killed(busy_with: str, timeout_s: float) -> None:
    command = [sys.executable, "-c", DRIVER, WORKER[1], busy_with, str(timeout_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as parent:
        assert parent.stdout is not None
        process_id = int(parent.stdout.readline())
        time.sleep(0.2)
        assert not is_gone(process_id)

        parent.kill()

    wait_until_gone(process_id)


def test_a_child_can_be_sent_to_another_process_before_its_first_request() -> None:
    child = pickle.loads(pickle.dumps(Child(ChildConfig(), WORKER)))

    assert child.ask("process id", where="a.mp4") == child.pid
    child.close()


def test_the_worker_loads_no_network_library(child: Child) -> None:
    loaded = {name.split(".")[0] for name in child.ask("modules", where="a.mp4")}

    assert "av" in loaded
    assert not loaded & {"torch", "ray", "transformers", "pandas", "cv2", "scipy"}


def test_a_command_that_does_not_start_says_why() -> None:
    child = Child(ChildConfig(), (sys.executable, "-c", "raise SystemExit('no licence')"))

    with pytest.raises(RuntimeError, match="did not start: no licence"):
        child.ask("process id", where="a.mp4")


@pytest.mark.parametrize(
    ("setting", "words"), [({"timeout_s": 0}, "timeout_s 0"), ({"memory_bytes": 1}, "memory_bytes 1")]
)
def test_impossible_limits_are_refused(setting: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ChildConfig(**setting)
