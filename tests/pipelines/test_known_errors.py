import builtins
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from curation.annotators.device import Device
from curation.execution.guard import StageSetupError
from curation.execution.lock import DatasetBusyError
from curation.execution.plan import PlanError
from dataset_schema import Bucket
from pipelines.known_errors import KnownError, defect, known
from storage.libraries import library


def raised(act: Callable[[], object]) -> Exception:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("nothing was raised")


def test_what_our_own_line_says_is_a_sentence_about_the_input() -> None:
    for act, sentence in (
        (lambda: Bucket.parse("9by9"), "9by9"),
        (lambda: Device(batch_size=0), "batch_size"),
        (lambda: library("no_such_library", extra="pipelines"), "pip install 'openalchemist[pipelines]'"),
    ):
        found = known(raised(act))

        assert found is not None
        assert found.status == 2
        assert sentence in found.sentence


def test_the_same_types_out_of_a_library_are_defects_and_keep_their_traceback() -> None:
    for act in (
        lambda: np.zeros(3) + np.zeros(4),
        lambda: int("x"),
        lambda: json.loads("{"),
        lambda: torch.zeros(2).view(3),
        lambda: pa.array([1]).cast(pa.list_(pa.int8())),
        lambda: builtins.__import__("no_such_library"),
        lambda: dict[str, int]()["key"],
    ):
        error = raised(act)

        assert known(error) is None
        assert "Traceback (most recent call last)" in defect(error)
        assert "report it to its maintainers" in defect(error)


def test_only_a_raise_statement_makes_a_sentence_not_a_line_of_ours_in_which_something_breaks() -> None:
    ours: dict[str, Any] = {"__name__": "curation.made_up"}
    # `int` is no Python and has no frame of its own, so the innermost one is ours.
    exec("def read(): return int('x')\ndef refuse(): raise ValueError('a sentence')", ours)

    assert known(raised(ours["read"])) is None
    assert known(raised(ours["refuse"])) == KnownError("a sentence", 2)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DatasetBusyError("dataset out is being written by another run"), 75),
        (PlanError("stage a reads b"), 2),
        (StageSetupError("stage a cannot be set up"), 1),
        (MemoryError("sampling needs 3 GB"), 1),
        (torch.OutOfMemoryError("CUDA out of memory"), 1),
    ],
)
def test_errors_of_a_class_of_their_own_are_their_sentence(error: BaseException, status: int) -> None:
    found = known(error)

    assert found is not None
    assert (found.sentence, found.status) == (str(error), status)


@pytest.mark.parametrize(
    ("number", "status", "advice"),
    [
        (errno.ENOSPC, 1, "free some space, then run the same command again"),
        (errno.EMFILE, 1, "ulimit -n"),
        (errno.EROFS, 2, "Read-only file system"),
        (errno.EACCES, 2, "Permission denied"),
        (errno.ENAMETOOLONG, 2, "File name too long"),
        (errno.ENOTDIR, 2, "Not a directory"),
        (errno.EISDIR, 2, "Is a directory"),
    ],
)
def test_what_the_system_says_of_a_file_names_it(number: int, status: int, advice: str) -> None:
    found = known(OSError(number, os.strerror(number), "out/[v2]/part.parquet"))

    assert found is not None
    assert found.status == status
    assert "out/[v2]/part.parquet" in found.sentence
    assert advice in found.sentence


def test_a_full_disk_is_known_although_writing_names_no_file() -> None:
    found = known(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    assert found is not None
    assert found.sentence.startswith("No space left on device; free some space")


VERB = """
import os, signal, sys, types
import pipelines.__main__ as commands
verb = types.ModuleType("verb")
def main(arguments):
    {act}
verb.main = main
sys.modules["verb"] = verb
commands._VERBS["{name}"] = ("verb", "")
commands.prepare()
commands.leave(commands.main(["{name}"]))
"""


def acted(act: str, name: str = "act", **environment: str) -> subprocess.CompletedProcess[str]:
    """What a person sees of a verb that does this, in a process of its own."""
    code = VERB.format(act=act, name=name)
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("verb", "number", "status", "told"),
    [
        ("curate", signal.SIGTERM, 143, "stopped by SIGTERM; run the same command again to continue"),
        ("explain", signal.SIGINT, 130, "interrupted; run the same command again to start anew"),
        (
            "train",
            signal.SIGINT,
            130,
            "interrupted; run the same command again: it goes on from its newest checkpoint, ",
        ),
        ("submit", signal.SIGINT, 130, "interrupted; a job that was submitted runs on"),
    ],
)
def test_a_stopped_verb_says_what_the_same_command_does(
    verb: str, number: signal.Signals, status: int, told: str
) -> None:
    ended = acted(f"os.kill(os.getpid(), {int(number)})", verb)

    assert ended.returncode == status
    assert ended.stderr.startswith(f"{verb}: {told}")


def test_a_defect_shows_its_traceback_and_where_it_goes() -> None:
    ended = acted("return {}['key']")

    assert ended.returncode == 1
    assert "KeyError: 'key'" in ended.stderr
    assert ended.stderr.endswith("report it to its maintainers, with this traceback and the command\n")


def test_letters_that_the_terminal_lacks_are_written_out() -> None:
    ended = acted("print('vid\\u00e9os \\udcff'); return 0", PYTHONIOENCODING="ascii")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "vid\\xe9os \\udcff\n", "")


def test_a_verb_whose_output_nobody_takes_ends_without_a_traceback(tmp_path: Path) -> None:
    code = VERB.format(act="print('said'); open(sys.argv[1], 'w').write('written'); return 0", name="act")
    for closed, words, status in (
        (">&-", "", 0),
        ("2>&-", "", 0),
        (">/dev/full", "act: No space left on device; free some space", 1),
    ):
        ended = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, str(tmp_path / "file")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

        assert ended.returncode == status
        assert ended.stderr.startswith(words)
        assert "Traceback" not in ended.stderr
        assert (tmp_path / "file").read_text() == "written"
