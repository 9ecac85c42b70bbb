"""`subject`: some pictures of one subject and a folder of videos in, a dataset of the clips that show it out."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from curation.annotators.likeness.face_file import FaceFileConfig
from curation.entity_words.object_classes import object_classes
from curation.funnel import dataset_counts
from curation.one_subject.rules import SubjectConfig, limit_of
from curation.profiles import CurationConfig
from curation.sources import SourcesConfig
from pipelines.config import parse
from pipelines.known_errors import ANSWERED_NO
from pipelines.progress import progress
from pipelines.terminal import terminal
from pipelines.verbs.curate import Curate, curate, show_result
from pipelines.verbs.inspect import render_funnel
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place
from storage.whole_files import whole_file, write_whole_text

if TYPE_CHECKING:
    from curation.one_subject.finding import Looks
    from curation.one_subject.pictures import GivenPicture
    from curation.one_subject.search import Found
    from pipelines.views.subject_report import SubjectReport

_CURATED: Final = "curated"
_DATASET: Final = "dataset"
_REFERENCES: Final = "references"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Find the clips of one subject by some pictures of it, and make a dataset of those alone.

    The videos are curated as `curate` does it; then every clip's subjects are held against the pictures. Run it again
    after an interruption: it goes on. The exit status is 3 if no clip shows the subject.

    Example: python -m pipelines subject --pictures dog/ --input videos/ --output out/dog

    Attributes:
        pictures: a folder with pictures of the subject: cut out (a PNG with a transparent background), or photographs
            with one such thing in each.
        input: the videos, as in `curate`; or give a dataset.
        dataset: what `curate` made of the videos already, finished.
        output: a folder for all that comes of it: `dataset/`, `references/`, `report.txt`, `report.json`, `sheet.html`.
        word: what the pictures show, such as dog; words of another kind are not held against them. None takes the name
            of the pictures' folder where it is such a word; '' holds every subject against them.
        faces: an ONNX network such as ArcFace, to know a person by the face alone; None compares whole pictures.
        subject: which clips and pictures are kept.
        sources: how to read the input.
        curation: as in `curate`; its likeness is also what tells the subject from others.
    """

    pictures: Path
    output: Path = field(metadata=WRITES_FOLDER)
    input: Place | None = None
    dataset: Place | None = None
    word: str | None = None
    faces: Path | None = None
    subject: SubjectConfig = field(default_factory=SubjectConfig)
    sources: SourcesConfig = field(default_factory=SourcesConfig)
    curation: CurationConfig = field(default_factory=CurationConfig)


def main(arguments: Sequence[str]) -> int:
    """Find it; see `Subject` for the exit status."""
    command = parse(Subject, arguments, verb="subject", check=_check)
    console = terminal()
    given, looks, limit = recognizing(command)
    _show_unused(command, given, console)
    dataset = command.dataset if command.dataset is not None else _curated(command, console)
    return find(command, dataset, given, looks, limit, console)


def recognizing(command: Subject) -> "tuple[list[GivenPicture], Looks, float]":
    """The pictures, how the subject is recognized by them, and from which likeness on.

    Before any video is looked at: what is wrong with the pictures is told at once.

    Raises:
        FileNotFoundError: pictures, or the network for faces, are not there.
        ValueError: no picture can be used.
    """
    from curation.one_subject.finding import Looks
    from curation.one_subject.pictures import read_pictures

    jobs = command.curation.annotators
    encoder = jobs.likeness.build() if command.faces is None else FaceFileConfig(file=command.faces).build()
    limit = limit_of(command.subject, encoder)
    encoder.load()
    faces = jobs.faces.build()
    faces.load()
    word = word_of(command)
    given = read_pictures(command.pictures, word, jobs.masks.build(), None if command.faces is None else faces)
    crops = [each.crop if command.faces is None else each.face for each in given]
    cutouts = [crop.cutout for crop in crops if crop is not None]
    if not cutouts:
        raise ValueError(
            f"no picture of {command.pictures} shows one face that can be cut out, expected one at least; without "
            "--faces whole pictures are compared"
        )
    return given, Looks(encoder.encode(cutouts), encoder, command.faces is not None, word), limit


def _show_unused(command: Subject, given: "Sequence[GivenPicture]", console: Console) -> None:
    """Say what the subject is not recognized by, before the videos take their time."""
    problems = [each.problem for each in given if each.problem]
    if problems:
        used = f"{len(given) - len(problems)} of {len(given)} pictures of {command.pictures} are used; not:"
        console.print("\n  ".join([used, *problems]), soft_wrap=True)


def word_of(command: Subject) -> str:
    """What the pictures show: as was said, or by the name of their folder."""
    if command.word is not None:
        return command.word.strip()
    name = command.pictures.absolute().stem.replace("_", " ").replace("-", " ")
    return name if object_classes(name).exact else ""


def find(
    command: Subject,
    dataset: Place,
    given: "Sequence[GivenPicture]",
    looks: "Looks",
    limit: float,
    console: Console,
) -> int:
    """Search a curated dataset, write what was found, and say it; gives the exit status."""
    from curation.one_subject.search import Search
    from pipelines.subject_dataset import Told, search_dataset, write_subject_dataset
    from pipelines.views.subject_report import SubjectReport, agreement_of

    faces = command.curation.annotators.faces.build()
    faces.load()
    search = Search(looks, command.subject, limit, faces)
    done = count(1)
    with progress("search", total=dataset_counts(dataset).kept, unit="clip") as report_progress:
        found = search_dataset(dataset, search, lambda: report_progress(next(done)))
    if not found.kept:
        return _none_found(command, dataset, given, found, limit, console)
    annotator = looks.encoder.describe()
    where = f"likeness to {command.pictures} by {annotator.name} >= {limit:g}"
    written = write_subject_dataset(
        dataset,
        command.output / _DATASET,
        found,
        config=command.subject,
        faces=faces,
        told=Told(where=where, annotator=annotator),
    )
    report = SubjectReport(
        given=given,
        word=looks.word,
        annotator=annotator,
        limit=limit,
        agreement=agreement_of(looks.vectors),
        found=found,
        counts=written.counts,
        rejected=written.rejected,
        files=_write_references(command.output / _REFERENCES, found),
    )
    _show(command, report, console)
    return 0


def _check(command: Subject) -> None:
    """Refuse before anything runs what would be refused after it."""
    from pipelines.subject_dataset import WHAT
    from pipelines.whole_dataset import expect_new

    if (command.input is None) == (command.dataset is None):
        raise ValueError("expected either --input, videos to curate, or --dataset, what `curate` made of them")
    expect_new(command.output / _DATASET, what=WHAT)


def _curated(command: Subject, console: Console) -> Place:
    if command.input is None:
        raise ValueError("input is missing, expected a folder of videos or a manifest")
    dataset = command.output / _CURATED
    curation = Curate(input=command.input, output=dataset, sources=command.sources, curation=command.curation)
    show_result(console, curation, curate(curation))
    return dataset


def _none_found(
    command: Subject, dataset: Place, given: "Sequence[GivenPicture]", found: "Found", limit: float, console: Console
) -> int:
    """Say how near the nearest clip came, and what to do next."""
    _write_sheet(command, given, found, limit)
    nearest = found.strangers[0].finding if found.strangers else None
    if nearest is None:
        reasons = {reason.reason for each in found.reasons.values() for reason in each[:1]}
        best = f"no clip has a picture to compare ({', '.join(sorted(reasons)) or 'all failed'})"
    else:
        best = f"the most alike is {nearest.word!r} in {nearest.uri} with likeness {nearest.likeness:.3f}"
    again = f"make subject PICTURES={shlex.quote(str(command.pictures))} DATASET={shlex.quote(str(dataset))} OUTPUT=..."
    console.print(
        f"no clip of {dataset} shows the subject of {command.pictures}: {best}, and {limit:g} was asked for. Look at "
        f"{command.output / 'sheet.html'}: if it is there, lower the limit: {again} "
        f'ARGS="--subject.min-likeness {_below(nearest.likeness if nearest else None, limit):.2f}"; if not, give '
        "pictures as the videos show it, or more videos",
        soft_wrap=True,
    )
    return ANSWERED_NO


def _below(likeness: float | None, limit: float) -> float:
    """A limit with two places that lets the nearest one pass."""
    return int(100 * (likeness if likeness is not None else limit)) / 100


def _write_references(folder: Path, found: "Found") -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [f"{number:02d}.png" for number in range(1, len(found.chosen) + 1)]
    for name, picture in zip(files, found.chosen, strict=True):
        with whole_file(folder / name) as written:
            written.write_bytes(picture.content)
    return files


def _write_sheet(command: Subject, given: "Sequence[GivenPicture]", found: "Found", limit: float) -> None:
    from pipelines.views.subject_sheet import subject_sheet

    command.output.mkdir(parents=True, exist_ok=True)
    sheet = subject_sheet(given, found, limit=limit, missing=found.coverage.missing)
    write_whole_text(command.output / "sheet.html", sheet)


def _show(command: Subject, report: "SubjectReport", console: Console) -> None:
    from dataset_schema import read_manifest

    output = command.output
    _write_sheet(command, report.given, report.found, report.limit)
    write_whole_text(output / "report.txt", report.as_text())
    write_whole_text(output / "report.json", json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    console.print(render_funnel(read_manifest(output / _DATASET).funnel[-1:]))
    console.print(report.as_text().rstrip(), soft_wrap=True)
    console.print(
        f"dataset: {output / _DATASET}   pictures: {output / _REFERENCES}   look: {output / 'sheet.html'}\n"
        f"train on it: make train DATASET={shlex.quote(str(output / _DATASET))} OUTPUT=... CONFIG=...",
        soft_wrap=True,
    )
