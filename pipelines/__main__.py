"""`python -m pipelines VERB`: every command of the project, one thin module each."""

import importlib
import io
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from difflib import get_close_matches
from types import FrameType
from typing import NoReturn

from curation.execution.worker_thread import STAGE_THREAD
from pipelines.known_errors import BROKE, INTERRUPTED, TERMINATED, WRONG_INPUT, KnownError, defect, known

_VERBS = {
    "curate": ("pipelines.verbs.curate", "videos and captions in, a dataset out"),
    "import": ("pipelines.verbs.import_dataset", "an annotated dataset of others in, a dataset out"),
    "inspect": ("pipelines.verbs.inspect", "tables and contact sheets of a dataset"),
    "browse": ("pipelines.verbs.browse", "a dataset as pages for a browser of this machine"),
    "explain": ("pipelines.verbs.explain", "what curation finds in one video, keeps and rejects, and why"),
    "subject": ("pipelines.verbs.subject", "pictures of one subject and videos in, a dataset of its clips out"),
    "select": ("pipelines.verbs.select", "part of a dataset as a dataset, by an SQL condition"),
    "index": ("pipelines.verbs.index", "one row for every clip of a dataset, to be queried"),
    "repolicy": ("pipelines.verbs.repolicy", "other thresholds over the stored scores of a dataset"),
    "merge": ("pipelines.verbs.merge", "several datasets or runs into one"),
    "diff": ("pipelines.verbs.diff", "what became of the clips of one dataset in another, and what changed"),
    "compact": ("pipelines.verbs.compact", "few shards of many, in the newest layout"),
    "forget": ("pipelines.verbs.forget", "all that comes from a source leaves a dataset, and cannot come back"),
    "validate": ("pipelines.verbs.validate", "look whether everything in a dataset is as it should be"),
    "own-dataset": ("pipelines.verbs.own_dataset", "your own videos and pictures in, a dataset, not curated, out"),
    "export": ("pipelines.verbs.export", "a dataset in the form that another trainer reads"),
    "describe": ("pipelines.verbs.describe", "what a training run would cost, and whether it fits"),
    "cache": ("pipelines.verbs.cache", "encode the videos and captions of a dataset once, before training"),
    "train": ("pipelines.verbs.train", "train the model on a dataset"),
    "to-pipeline": ("pipelines.verbs.to_pipeline", "a training checkpoint in, a pipeline out"),
    "to-diffusers": ("pipelines.verbs.to_diffusers", "a pipeline on a published model in, a folder for diffusers out"),
    "sample": ("pipelines.verbs.sample", "a prompt and reference images in, a video out"),
    "submit": ("pipelines.verbs.submit", "run `curate` as a job on a Ray cluster"),
    "demo": ("pipelines.verbs.demo", "all of it on a small generated world, in minutes"),
    "prove": ("pipelines.proof.prove", "show that the model personalizes: curate, train, sample, judge"),
    "prove-backbone": ("pipelines.proof.prove_backbone", "the same on a frozen backbone: its new layers personalize"),
    "ablate": ("pipelines.proof.ablate", "the same without one part of the method at a time"),
    "sprites": ("pipelines.verbs.sprites", "generate a world of moving sprites with captions and ground truth"),
    "plots": ("pipelines.verbs.plots", "a dataset's funnel, scores, words (PNG and SVG) and contact sheets"),
    "label": ("pipelines.verbs.label", "pages on which people label clips for the content filter"),
    "label-clips": ("pipelines.verbs.label_clips", "draw clips for people to label for the content filter"),
    "train-filter": ("pipelines.verbs.train_filter", "train the content filter on drawn clips or on your labels"),
}

_CONTINUING = ("curate", "import", "subject", "forget", "export", "cache", "demo", "prove", "prove-backbone", "ablate")
# What is to be done where a verb was stopped; all others start anew.
_AFTER_A_STOP = {
    **dict.fromkeys(_CONTINUING, "run the same command again to continue"),
    "train": "run the same command again: it goes on from its newest checkpoint, or starts anew where there is none",
    "submit": "a job that was submitted runs on",
}
_ANEW = "run the same command again to start anew"


def main(arguments: list[str]) -> int:
    """Run one verb, and tell its errors; gives the exit status.

    | status | meaning |
    |---|---|
    | 0 | done |
    | 1 | the run broke off, and one sentence says why; or the program has a defect, and a traceback shows it |
    | 2 | wrong input: an option, a file, a place to write, a library that is not installed |
    | 3 | the answer is no: `explain` rejects the video, `validate` a fault, `diff` a difference, `forget` a rest |
    | 4 | `explain` only: the video is lost to an error |
    | 75 | another process works there; the same command can work later |
    | 130, 143 | stopped by Ctrl-C, or by SIGTERM; the same command goes on, or starts anew, as it says |
    """
    verb = arguments[0] if arguments else ""
    try:
        status = _run(verb, arguments[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()  # whoever read it has seen enough (`... --help | head`)
        return BROKE
    except KeyboardInterrupt:
        return _end_of(verb, f"interrupted; {_AFTER_A_STOP.get(verb, _ANEW)}", INTERRUPTED)
    except SystemExit as end:
        if end.code != signal.SIGTERM:
            raise
        return _end_of(verb, f"stopped by SIGTERM; {_AFTER_A_STOP.get(verb, _ANEW)}", TERMINATED)
    except Exception as error:  # noqa: BLE001 - the last place that sees it
        found = known(error) or KnownError(defect(error), BROKE)
        return _end_of(verb, found.sentence, found.status)
    return status


def _run(verb: str, arguments: list[str]) -> int:
    if verb in ("", "-h", "--help"):
        print(_usage())
        return 0 if verb else WRONG_INPUT
    if verb not in _VERBS:
        meant = get_close_matches(verb, _VERBS, n=1)
        perhaps = f"; perhaps {meant[0]} is meant" if meant else ""
        print(f"there is no verb {verb!r}{perhaps}\n\n{_usage()}", file=sys.stderr)
        return WRONG_INPUT
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    return int(importlib.import_module(_VERBS[verb][0]).main(arguments))


def _end_of(verb: str, sentence: str, status: int) -> int:
    print(f"{verb}: {sentence}", file=sys.stderr)
    return status


def _usage() -> str:
    width = max(map(len, _VERBS))
    lines = [f"  {verb:{width}}  {summary}" for verb, (_, summary) in _VERBS.items()]
    return "\n".join(
        [
            "usage: python -m pipelines VERB [--config FILE.toml] [options]",
            "",
            *lines,
            "",
            "python -m pipelines VERB --help shows a verb's options and their values.",
            "example: python -m pipelines curate --input videos/ --output out/dataset",
        ]
    )


def prepare() -> None:
    """Make the process ready for whatever it was started with: closed streams, few letters, a system that stops it."""
    for stream in (0, 1, 2):
        try:
            os.fstat(stream)
        except OSError:  # else the next file that is opened would get its number, and what others print
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
    for printed in (sys.stdout, sys.stderr):
        if isinstance(printed, io.TextIOWrapper):
            printed.reconfigure(errors="backslashreplace")  # a name may hold letters that the terminal has not
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> NoReturn:
    """What Ray does, too, which puts its own in this place: everybody on the way can put things in order."""
    sys.exit(number)


def leave(status: int) -> NoReturn:
    """End the process with this status, also while a stage that ran out of time still computes on its own thread.

    Such a thread cannot be stopped, and one that is inside native code when the interpreter ends aborts the process.
    """
    for printed in (sys.stdout, sys.stderr):
        try:
            printed.flush()
        except OSError:
            _drop_output()
    if any(thread.name.startswith(STAGE_THREAD) for thread in threading.enumerate()):
        os._exit(status)
    sys.exit(status)


def _drop_output() -> None:
    """Nothing more can be printed, also not at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    prepare()
    leave(main(sys.argv[1:]))
