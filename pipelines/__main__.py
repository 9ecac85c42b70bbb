"""`python -m pipelines VERB`: every command of the project, one thin module each."""

import importlib
import logging
import os
import sys
import threading
from typing import NoReturn

from curation.execution.worker_thread import STAGE_THREAD
from pipelines.config import ConfigError

_VERBS = {
    "curate": ("pipelines.verbs.curate", "videos and captions in, a dataset out"),
    "inspect": ("pipelines.verbs.inspect", "tables and contact sheets of a dataset"),
    "explain": ("pipelines.verbs.explain", "what curation finds in one video, keeps and rejects, and why"),
    "select": ("pipelines.verbs.select", "part of a dataset as a dataset, by an SQL condition"),
    "describe": ("pipelines.verbs.describe", "what a training run would cost, and whether it fits"),
    "cache": ("pipelines.verbs.cache", "encode the videos and captions of a dataset once, before training"),
    "train": ("pipelines.verbs.train", "train the model on a dataset"),
    "export": ("pipelines.verbs.export", "a training checkpoint in, a pipeline out"),
    "sample": ("pipelines.verbs.sample", "a prompt and reference images in, a video out"),
    "submit": ("pipelines.verbs.submit", "run `curate` as a job on a Ray cluster"),
    "demo": ("pipelines.verbs.demo", "all of it on a small generated world, in minutes"),
    "prove": ("pipelines.proof.prove", "show that the model personalizes: curate, train, sample, judge"),
    "ablate": ("pipelines.proof.ablate", "the same without one part of the method at a time"),
    "sprites": ("pipelines.verbs.sprites", "generate a world of moving sprites with captions and ground truth"),
    "label-clips": ("pipelines.verbs.label_clips", "draw clips for people to label for the content filter"),
    "train-filter": ("pipelines.verbs.train_filter", "train the content filter on drawn clips or on your labels"),
}


def main(arguments: list[str]) -> int:
    """Run one verb; the exit status is 0 for success, 1 for a run that broke, 2 for wrong input, 130 for Ctrl-C.

    `explain` ends with 3 for a video that is rejected, and with 4 for one that is lost to an error.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    verb, *rest = arguments
    if verb not in _VERBS:
        print(f"there is no verb {verb!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        return int(importlib.import_module(_VERBS[verb][0]).main(rest))
    except (ConfigError, ValueError, FileNotFoundError, PermissionError) as error:
        print(f"{verb}: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"{verb}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough (`... --help | head`); nothing more can be printed, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(f"{verb}: interrupted; run the same command again to continue", file=sys.stderr)
        return 130


def _usage() -> str:
    lines = [f"  {verb:14}{summary}" for verb, (_, summary) in _VERBS.items()]
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


def leave(status: int) -> NoReturn:
    """End the process with this status, also while a stage that ran out of time still computes on its own thread.

    Such a thread cannot be stopped, and one that is inside native code when the interpreter ends aborts the process.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name.startswith(STAGE_THREAD) for thread in threading.enumerate()):
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
