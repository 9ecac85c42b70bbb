"""`label-clips`: clips in, a folder out in which people say what each of them is (A.1)."""

import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.content_training.choosing import sample_sources, spread_over_classes
from curation.content_training.contact_sheets import write_sheet
from curation.content_training.labels import label_file
from curation.content_training.real_clips import Lost, RealClip, decode_clips
from curation.records import Clip, Video
from curation.sources import SourcesConfig
from dataset_schema import FailedClip, Source
from pipelines.browser.label_folder import LABELS_FILE, sheet_name
from pipelines.config import parse
from pipelines.progress import Report, progress
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClips:
    """Draw clips at random and write what people need to label them for `train-filter`.

    `label` shows them in a browser; or fill in the column `label` of labels.csv by hand while looking at the pictures
    in sheets/. Example: python -m pipelines label-clips --input videos/ --output out/labels --clips 200

    Attributes:
        input: as for `curate`: a folder, or a .csv, .jsonl or .parquet manifest.
        output: a new folder.
        sources: how to read the input.
        clips: how many to label.
        seed: of the draw.
        spread: so many times `clips` are drawn and decoded, and of these equal shares of the classes that a content
            filter predicts are kept, so that people see rare classes too. 1 keeps a plain random sample, whose classes
            are as frequent as in the input.
        content: the filter that predicts; only asked when `spread` is more than 1.
        annotator: stands in the last column of labels.csv, for whoever fills it in by hand.
        workers: processes that decode.
    """

    input: Place
    output: Path = field(metadata=WRITES_FOLDER)
    sources: SourcesConfig = field(default_factory=SourcesConfig)
    clips: int = 200
    seed: int = 0
    spread: float = 1.0
    content: VideoMaeConfig = field(default_factory=VideoMaeConfig)
    annotator: str = "annotator-1"
    workers: int = 1

    def __post_init__(self) -> None:
        if self.clips < 1 or self.workers < 1:
            raise ValueError(f"clips is {self.clips} and workers {self.workers}, expected at least 1")
        if self.spread < 1:
            raise ValueError(f"spread is {self.spread}, expected at least 1")
        if not self.annotator.strip():
            raise ValueError("annotator is empty, expected a name")


class LabelFolder(NamedTuple):
    """What was written: the clips to label, in the order of their sheets, and those that were drawn in vain."""

    clips: Sequence[Source]
    lost: Sequence[Lost]


def main(arguments: Sequence[str]) -> int:
    """Write the folder; the exit status is 0 although some clips cannot be decoded."""
    command = parse(LabelClips, arguments, verb="label-clips")
    written = label_clips(command)
    print(f"{len(written.clips)} clips to label; {len(written.lost)} lost, which no content filter would see either")
    for lost in written.lost[:_SHOWN]:
        print(f"lost: {lost.uri}: {lost.reason}")
    print(
        f"next: make label LABELS={shlex.quote(str(command.output))} ANNOTATOR=your-name, "
        f"or fill in {LABELS_FILE} there by hand"
    )
    return 0


def label_clips(command: LabelClips) -> LabelFolder:
    """Draw, decode and write, with a progress bar.

    Raises:
        FileNotFoundError: there is no input.
        ValueError: the output exists already, or no clip could be decoded.
    """
    if command.output.exists():
        raise ValueError(f"output {command.output} exists, expected a new folder: labels in it would be overwritten")
    drawn = sample_sources(
        command.input, command.sources, count=math.ceil(command.clips * command.spread), seed=command.seed
    )
    clips = [row for row in drawn if isinstance(row, Clip)]
    lost = [Lost(row.source.uri, row.message) for row in drawn if isinstance(row, FailedClip)]
    sources: list[Source] = []
    with progress("decode clips", total=len(clips), unit="clip") as report:
        footage = _counted(decode_clips(clips, workers=command.workers), report)
        predict = _predictor(VideoMaeContentClassifier(command.content))
        for item in spread_over_classes(footage, candidates=len(clips), count=command.clips, predict=predict):
            if isinstance(item, Lost):
                lost.append(item)
            else:
                write_sheet(item, command.output / sheet_name(len(sources)))
                sources.append(item.clip.source)
    if not sources:
        raise ValueError(f"none of {len(drawn)} clips can be decoded, the first: {lost[0].uri}: {lost[0].reason}")
    rows = ((source, "", command.annotator) for source in sources)
    (command.output / LABELS_FILE).write_text(label_file(rows), encoding="utf-8")
    return LabelFolder(sources, lost)


def _counted(footage: Iterable[RealClip], report: Report) -> Iterator[RealClip]:
    for done, item in enumerate(footage, start=1):
        report(done)
        yield item


def _predictor(classifier: VideoMaeContentClassifier) -> Callable[[Video], int]:
    return lambda frames: int(classifier.classify(frames[None])[0].argmax())
