"""`explain`: what curation finds in one video, what it keeps and rejects, and why, in the terminal and on one page."""

import json
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from curation.execution.run import run_curation
from curation.profiles import CurationConfig
from curation.sources import SourcesConfig, read_sources
from dataset_schema import FailedClip, RejectedClip, Sample
from pipelines.config import Positional, parse
from pipelines.progress import progress
from pipelines.terminal import terminal
from pipelines.verbs.curate import Curate, run_of
from pipelines.views.explained.explanation import Explanation
from pipelines.views.explained.watched_run import WatchingExecutor, remember_shots
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place
from storage.places import expect_file_to_write
from storage.whole_files import publish, unfinished, write_whole_text

REJECTED: Final = 3
FAILED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """Curate one video and show what was found, kept and rejected, and why: in the terminal and as one page.

    Nothing else is left behind. Every stage scores the video, also after one that rejects it.
    The exit status is 0 if it is kept, 3 if it is rejected, 4 if it is lost to an error.

    Example: python -m pipelines explain dog.mp4 "A dog runs on the beach."

    Attributes:
        video: a video file, or its address in a store.
        caption: one sentence about what it shows; without one there are no entity words, and curation rejects it.
        output: the page, an HTML file that holds its pictures; None writes out/explain/NAME.html.
        dataset: keep the dataset of this one video here, a new folder; None keeps none.
        curation: as in `curate`.
    """

    video: Positional[Place]
    caption: Positional[str] = ""
    output: Path | None = None
    dataset: Path | None = field(default=None, metadata=WRITES_FOLDER)
    curation: CurationConfig = field(default_factory=CurationConfig)


def main(arguments: Sequence[str]) -> int:
    """Explain; see `Explain` for the exit status."""
    command = parse(Explain, arguments, verb="explain", check=_check)  # here too, before the folder of the page is made
    from pipelines.views.explained.page import explained_page
    from pipelines.views.explained.text import print_explanation

    output = command.output or Path("out/explain") / f"{command.video.stem}.html"
    expect_file_to_write(output)
    explanation = explain(command)
    console = terminal()
    print_explanation(console, explanation)
    write_whole_text(output, explained_page(explanation))
    console.print(f"with pictures, for a browser: {output}", soft_wrap=True)
    return exit_status(explanation)


def explain(command: Explain) -> Explanation:
    """Run the stages of `curate` on the video, and keep what each of them made of it.

    Raises:
        FileNotFoundError: there is no such video.
        ValueError: the video is a folder, or the dataset is not new.
    """
    _check(command)
    with tempfile.TemporaryDirectory(prefix="openalchemist-") as scratch:
        manifest = Path(scratch) / "manifest.jsonl"
        row = {"video": str(command.video.absolute()), "caption": command.caption}
        manifest.write_text(json.dumps(row) + "\n", encoding="utf-8")
        dataset = Path(scratch) / "dataset"
        if command.dataset is not None:
            dataset = unfinished(command.dataset)
            shutil.rmtree(dataset, ignore_errors=True)  # of a command that was stopped
        run = run_of(Curate(input=manifest, output=dataset, curation=command.curation, score_all=True))
        detector = remember_shots(run.stages)
        with progress("explain", total=len(run.stages), unit="stage") as report:
            executor = WatchingExecutor(report)
            run_curation(read_sources(manifest, SourcesConfig()), run, executor=executor)
        if command.dataset is not None:
            publish(command.dataset)
    return Explanation(
        video=command.video,
        caption=command.caption,
        config=command.curation,
        stories=executor.stories,
        shot_changes=detector.probabilities if detector is not None else None,
    )


def exit_status(explanation: Explanation) -> int:
    """0 if a clip of the video was kept, else 3 if one was rejected, else 4."""
    ends = {type(story.outcome) for story in explanation.stories}
    statuses = {Sample: 0, RejectedClip: REJECTED, FailedClip: FAILED}
    return min(statuses[end] for end in ends)


def _check(command: Explain) -> None:
    if command.video.is_dir():
        quoted = shlex.quote(str(command.video))
        raise ValueError(f"video {command.video} is a folder; `curate --input {quoted}` takes all that is in it")
    if not command.video.exists():
        raise FileNotFoundError(f"video {command.video} does not exist; expected a video file")
    if command.output is not None and command.output.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"output {command.output} is the name of no .html file; expected one such as dog.html")
    if command.dataset is not None and command.dataset.exists():
        raise ValueError(f"dataset {command.dataset} exists; expected a new folder")
