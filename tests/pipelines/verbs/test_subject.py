"""The clips of one subject, from a drawn dataset in which every clip's subject is known."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from benchmarks.subject import Target, drawings
from curation.masks import cut_out, mask_box, png
from dataset_schema import (
    Box,
    DatasetManifest,
    Entity,
    EntityKind,
    FunnelRow,
    Payload,
    ReferenceImage,
    RejectedClip,
    Sample,
    Scores,
    Source,
    new_dataset_id,
    read_manifest,
    read_shard,
    shard_paths,
    write_manifest,
    write_shard,
)
from pipelines.__main__ import main
from pipelines.known_errors import ANSWERED_NO
from pipelines.verbs.subject import Subject, word_of
from tests.curation.one_subject.made_samples import MEDIA
from tests.made_references import made_reference
from tests.pipelines.shown_page import ShownPage
from worlds.sprites import ClipPlan, SpriteWorldConfig, look, plan_clip, render_shot, write_video

WORLD = SpriteWorldConfig(
    seed=31, frames=16, height=192, width=336, max_subjects=1, undesirable_share=0.0, occluder_share=0.0, looks=3
)
WORD = "dog"
CUT_FROM = (1, 8, 14)


def looks_of(plan: ClipPlan) -> list[int]:
    """Of the dogs of a clip, by number."""
    known = [look(WORLD, WORD, number) for number in range(WORLD.looks)]
    return [known.index(subject.texture) for subject in plan.shots[0].subjects if subject.word == WORD]


def clips_with_dogs(of_each: int) -> dict[int, int]:
    """Index of a clip -> which dog it shows; so many clips of each."""
    found: dict[int, int] = {}
    for index in count():
        for number in looks_of(plan_clip(WORLD, index)):
            if list(found.values()).count(number) < of_each:
                found[index] = number
        if len(found) == WORLD.looks * of_each:
            return found
    raise AssertionError("there is always another clip")


def sample(index: int) -> Sample:
    """A clip as curation would publish it, were its masks true."""
    plan = plan_clip(WORLD, index)
    shot = render_shot(plan.shots[0], height=WORLD.height, width=WORLD.width)
    start = plan.caption.index(WORD)
    references = tuple(_reference(shot.video[at], shot.labels[at] == 1, at, place) for place, at in enumerate(CUT_FROM))
    return Sample(
        clip_id=f"{index:032x}",
        source=Source(id=str(index), uri=f"videos/{index:04d}.mp4"),
        caption=plan.caption,
        video=Payload(bytes=_encoded(shot.video)),
        video_start_s=0.0,
        num_frames=WORLD.frames,
        fps=WORLD.fps,
        height=WORLD.height,
        width=WORLD.width,
        bucket="9x64x112",
        media=replace(MEDIA, width=WORLD.width, height=WORLD.height, decoded_frames=WORLD.frames),
        scores=Scores(desirable=0.9),
        entities=(
            Entity(word=WORD, kind=EntityKind.SUBJECT, start=start, end=start + len(WORD), references=references),
        ),
        background=None,
    )


def _encoded(video: np.ndarray) -> bytes:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write_video(Path(folder) / "clip.mp4", video, WORLD.fps)
        return (Path(folder) / "clip.mp4").read_bytes()


def _reference(frame: np.ndarray, mask: np.ndarray, at: int, place: int) -> ReferenceImage:
    x0, y0, x1, y1 = mask_box(mask)
    return made_reference(
        Payload(bytes=png(cut_out(frame, mask, (x0, y0, x1, y1)))),
        frame_index=at,
        time_s=at / WORLD.fps,
        box=Box(x0=x0, y0=y0, x1=x1, y1=y1),
        area=float(mask.mean()),
        agreement=0.9,
        place=place,
        likeness=(1.0,) * len(CUT_FROM),
    )


@pytest.fixture(scope="module")
def dogs() -> dict[int, int]:
    return clips_with_dogs(of_each=2)


@pytest.fixture(scope="module")
def dataset(dogs: dict[int, int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of each of three dogs, and the first of them once more."""
    folder = tmp_path_factory.mktemp("curated")
    samples = [sample(index) for index in dogs]
    again = replace(samples[0], clip_id="f" * 32, source=Source(id="again", uri="videos/again.mp4"))
    write_shard(folder / "samples" / "part-0.parquet", [*samples, again])
    funnel = (FunnelRow(stage="decode", entered=7, passed=7),)
    manifest = DatasetManifest(
        profile="embedded", config={}, annotators=(), funnel=funnel, complete=True, id=new_dataset_id()
    )
    write_manifest(folder, manifest)
    return folder


def pictures_of(number: int, folder: Path) -> Path:
    """Five drawings of a dog in a folder of that name."""
    place = folder / WORD
    place.mkdir()
    for name, drawn in enumerate(drawings(Target(WORD, look(WORLD, WORD, number)))):
        Picture.fromarray(drawn).save(place / f"{name}.png")
    return place


def kept(dataset: Path) -> list[Sample]:
    return [record for path in shard_paths(dataset, Sample) for record in read_shard(path, Sample)]


def rejected(dataset: Path) -> list[RejectedClip]:
    return [record for path in shard_paths(dataset, RejectedClip) for record in read_shard(path, RejectedClip)]


def test_the_clips_of_one_dog_among_three_become_a_dataset_that_is_as_it_should_be(
    dataset: Path, dogs: dict[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = dogs[next(iter(dogs))]
    pictures, output = pictures_of(first, tmp_path), tmp_path / "out"

    status = main(["subject", "--pictures", str(pictures), "--dataset", str(dataset), "--output", str(output)])

    assert status == 0
    shown = {f"{index:032x}" for index, number in dogs.items() if number == first} | {"f" * 32}
    reasons = {clip.clip_id: clip.reasons[0].reason for clip in rejected(output / "dataset")}
    doubles = {clip_id for clip_id, reason in reasons.items() if reason == "double"}
    assert {clip.clip_id for clip in kept(output / "dataset")} | doubles == shown
    assert len(doubles) == 1
    assert {reason for clip_id, reason in reasons.items() if clip_id not in shown} == {"another_subject"}
    assert "read 7 = kept 2 + rejected 5 + failed 0" in capsys.readouterr().out
    row = read_manifest(output / "dataset").funnel[-1]
    assert (row.stage, row.entered, row.passed) == ("subject", 7, 2)
    assert row.rejected == {"another_subject": 4, "double": 1}
    assert main(["validate", "--dataset", str(output / "dataset")]) == 0


def test_a_clip_has_its_own_pictures_and_those_of_the_others_and_every_clip_its_likeness(
    dataset: Path, dogs: dict[int, int], tmp_path: Path
) -> None:
    pictures, output = pictures_of(0, tmp_path), tmp_path / "out"

    main(["subject", "--pictures", str(pictures), "--dataset", str(dataset), "--output", str(output)])

    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    written = sorted((output / "references").iterdir())
    assert [path.name for path in written] == [each["file"] for each in report["references"]]
    for clip in kept(output / "dataset"):
        (entity,) = clip.entities
        own = [picture for picture in entity.references if picture.frame_index is not None]
        given = [picture for picture in entity.references if picture.frame_index is None]
        foreign = [
            path for path, each in zip(written, report["references"], strict=True) if each["clip_id"] != clip.clip_id
        ]
        assert [picture.image.bytes for picture in given] == [path.read_bytes() for path in foreign]
        assert {picture.place for picture in own} <= {0, 1, 2}
        places = [picture.place for picture in (*entity.references, *entity.rejected_references)]
        assert sorted(places) == list(range(len(CUT_FROM) + len(given)))
        assert clip.scores.more["likeness_to_subject"] >= report["min_likeness"]
    others = [clip for clip in rejected(output / "dataset") if clip.reasons[0].reason == "another_subject"]
    assert all(clip.scores.more["likeness_to_subject"] < report["min_likeness"] for clip in others)


def test_the_report_says_what_is_there_and_what_is_missing(dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"

    main(["subject", "--pictures", str(pictures_of(1, tmp_path)), "--dataset", str(dataset), "--output", str(output)])

    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    text = (output / "report.txt").read_text(encoding="utf-8")
    assert report["clips"]["kept"] == len(report["kept"]) == 2
    assert report["clips"]["read"] == 7
    assert report["seen"]["view"]["from the side"] == 2
    assert "nothing in the dark, such as at night" in report["missing"]
    assert f"missing: {'; '.join(report['missing'])}" in text
    assert "least like it of the kept: 0." in text
    assert "most like it of the rejected: 0." in text
    sheet = ShownPage((output / "sheet.html").read_text(encoding="utf-8"))
    sheet.expect_to_be_one_file()
    given, chosen, least, most = [each.text for each in sheet.of_tag("h2")]
    assert (given, chosen) == ("Given", f"Chosen: {'; '.join(report['missing'])}")
    assert least.startswith("Kept, those least like it first")
    assert most.startswith("Rejected, those most like it first")
    assert len(sheet.of_tag("img")) >= len(report["kept"]) + 2


def test_pictures_that_cannot_be_used_are_told_with_their_reasons_also_where_nothing_is_found(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, output = pictures_of(0, tmp_path), tmp_path / "out"
    (pictures / "0-empty.png").touch()
    limit = ["--subject.min-likeness", "0.9999"]

    status = main(["subject", "--pictures", str(pictures), "--dataset", str(dataset), "--output", str(output), *limit])

    problem = f"{pictures / '0-empty.png'} is empty, expected a picture such as a PNG, JPEG or WebP file"
    assert status == ANSWERED_NO
    assert f"5 of 6 pictures of {pictures} are used; not:\n  {problem}\n" in capsys.readouterr().out
    sheet = ShownPage((output / "sheet.html").read_text(encoding="utf-8"))
    assert [each.text for each in sheet.of_tag("figcaption")][5] == problem


def test_where_no_clip_shows_the_subject_the_best_score_and_the_next_step_are_told(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, output = pictures_of(0, tmp_path), tmp_path / "out"
    limit = ["--subject.min-likeness", "0.9999"]

    status = main(["subject", "--pictures", str(pictures), "--dataset", str(dataset), "--output", str(output), *limit])

    assert status == ANSWERED_NO
    said = capsys.readouterr().out
    assert "the most alike is 'dog' in videos/" in said
    assert "with likeness 0." in said
    assert "and 0.9999 was asked for" in said
    assert f"make subject PICTURES={pictures} DATASET={dataset}" in said
    assert (output / "sheet.html").is_file()
    assert not (output / "dataset").exists()


def test_videos_and_a_dataset_are_not_given_both_and_not_neither(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--pictures", str(pictures_of(0, tmp_path)), "--output", str(tmp_path / "out")]

    assert main(["subject", *where]) == 2
    assert main(["subject", *where, "--dataset", str(dataset), "--input", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("expected either --input") == 2


def test_a_dataset_that_is_there_is_not_written_over(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "dataset" / "samples").mkdir(parents=True)
    where = ["--pictures", str(pictures_of(0, tmp_path)), "--output", str(tmp_path / "out")]

    assert main(["subject", *where, "--dataset", str(dataset)]) == 2
    assert "a dataset of one subject is written whole, name a new directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "word", "expected"),
    [("dog", None, "dog"), ("my_dog", None, "my dog"), ("pictures", None, ""), ("dog", "", ""), ("x", "cat", "cat")],
)
def test_the_word_is_what_was_said_or_the_name_of_the_folder(folder: str, word: str | None, expected: str) -> None:
    command = Subject(pictures=Path("somewhere") / folder, output=Path("out"), input=Path("videos"), word=word)

    assert word_of(command) == expected
