"""OpenS2V-5M through the importer and the stages: masks drawn by hand come out as the pictures that they cut."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.execution.chain import StageChain
from curation.imports import LAYOUTS, ForeignDataset, ImportConfig, Unmapped, open_foreign
from curation.records import Clip
from dataset_schema import EntityKind, FailedClip, FailureKind, RejectedClip
from tests.curation.imports.curated import (
    HEIGHT,
    WIDTH,
    assert_shows,
    dog_at,
    ellipse,
    failure,
    moving_frames,
    outcomes,
    rgba,
    samples,
    write_lossless,
)
from tests.curation.imports.foreign_datasets import OpenS2VClip, write_opens2v

FRAMES = moving_frames(30)
CAPTION = "A brown dog walks past a ball on a meadow."
BALL = ellipse(215, 110, 50, 50)
TAGS = {"subject": ["dog"], "object": ["ball"], "background": ["meadow"]}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_lossless(folder / "part1" / "dog.mov", FRAMES)
    return folder


def clip_of(**changes: Any) -> OpenS2VClip:
    """The dog from frame 8 on, annotated at frame 10 of the file."""
    usual: dict[str, Any] = {
        "path": "part1/dog.mov",
        "caption": CAPTION,
        "first": 8,
        "num_frames": 20,
        "size": (HEIGHT, WIDTH),
        "frame": 10,
        "masks": [("dog", dog_at(10))],
        "tags": TAGS,
    }
    return OpenS2VClip(**{**usual, **changes})


def opened(folder: Path, videos: Path, clips: dict[str, Any], **options: Any) -> ForeignDataset:
    write_opens2v(folder / "total_part1.json", clips)
    return open_foreign(LAYOUTS["opens2v"], folder, videos, ImportConfig(**options))


def test_a_mask_becomes_the_picture_that_it_cuts_out_of_its_frame(
    tmp_path: Path, videos: Path, chain: StageChain
) -> None:
    masks = [("dog", dog_at(10)), ("meadow", np.ones((HEIGHT, WIDTH), bool)), ("ball", BALL)]
    dataset = opened(tmp_path, videos, {"c1": clip_of(masks=masks)})

    (sample,) = samples(outcomes(chain, dataset))

    dog, ball, meadow = sample.entities
    assert [(e.word, e.kind, CAPTION[e.start : e.end]) for e in sample.entities] == [
        ("dog", EntityKind.SUBJECT, "dog"),
        ("ball", EntityKind.OBJECT, "ball"),
        ("meadow", EntityKind.BACKGROUND, "meadow"),
    ]
    assert_shows(dog.references[0], FRAMES[10], dog_at(10))
    assert_shows(ball.references[0], FRAMES[10], BALL)
    assert meadow.references == ()
    assert dog.references[0].mask_score == pytest.approx(0.97)
    assert dog.references[0].frame_index == 2  # of the clip, which begins with frame 8
    assert sample.num_frames == 20
    assert sample.background is not None
    hole = dog_at(10) | BALL
    painted = rgba(sample.background.image)[..., :3]
    assert (painted[hole] != FRAMES[10][hole]).any(axis=-1).mean() > 0.99
    assert dataset.unmapped.counts == {Unmapped.MASK_OF_PLACE: 1}


def test_frames_are_counted_and_not_timed(tmp_path: Path, chain: StageChain) -> None:
    times_s = [0.5 + index / 24 + (index % 2) / 60 for index in range(30)]  # begins late, and limps
    write_lossless(tmp_path / "videos" / "part1" / "dog.mkv", FRAMES, times_s=times_s)
    dataset = opened(tmp_path, tmp_path / "videos", {"c1": clip_of(path="part1/dog.mkv")})

    (sample,) = samples(outcomes(chain, dataset))

    assert_shows(sample.entities[0].references[0], FRAMES[10], dog_at(10))
    assert sample.entities[0].references[0].time_s == pytest.approx(10 / 24, abs=2e-3)  # from the file's start
    assert sample.num_frames == 20


def test_the_row_says_where_it_is_from_and_under_which_licence(tmp_path: Path, videos: Path) -> None:
    (usual,) = opened(tmp_path / "a", videos, {"c1": clip_of()})
    (other,) = opened(tmp_path / "b", videos, {"c1": clip_of()}, licence="CC0-1.0")

    assert isinstance(usual, Clip)
    assert isinstance(other, Clip)
    assert json.loads(usual.extra) == {
        "aesthetic": 5.1,
        "motion": 3.2,
        "tech": 0.1,
        "imported_from": "OpenS2V-5M",
        "imported_id": "c1",
    }
    assert (usual.source.licence, other.source.licence) == ("CC-BY-4.0", "CC0-1.0")
    assert usual.clip_id == other.clip_id


def test_doubles_are_dropped_and_what_they_show_is_painted_out_once(
    tmp_path: Path, videos: Path, chain: StageChain
) -> None:
    smaller = dog_at(10) & (np.arange(WIDTH) > 56)
    masks = [("dog", smaller), ("dog", dog_at(10)), ("animal", dog_at(10))]
    dataset = opened(tmp_path, videos, {"c1": clip_of(masks=masks)})

    (sample,) = samples(outcomes(chain, dataset))

    (picture,) = sample.entities[0].references
    assert_shows(picture, FRAMES[10], dog_at(10))
    assert dataset.unmapped.counts == {
        Unmapped.DOUBLE_MASK: 1,
        Unmapped.WORD_NOT_IN_CAPTION: 1,
        Unmapped.MASK_WITHOUT_WORD: 1,
    }


def test_a_second_name_of_one_thing_has_no_pictures_of_its_own(tmp_path: Path, videos: Path, chain: StageChain) -> None:
    caption = "A brown dog is a happy animal on a meadow."
    tags = {"subject": ["brown dog", "animal"], "object": [], "background": []}
    masks = [("animal", dog_at(10)), ("brown dog", dog_at(10))]
    dataset = opened(tmp_path, videos, {"c1": clip_of(caption=caption, tags=tags, masks=masks)})

    (sample,) = samples(outcomes(chain, dataset))

    first, second = sample.entities
    assert (first.word, len(first.references), second.same_as) == ("brown dog", 1, "brown dog")


def test_a_word_with_masks_of_several_things_is_ambiguous(tmp_path: Path, videos: Path, chain: StageChain) -> None:
    dataset = opened(tmp_path, videos, {"c1": clip_of(masks=[("dog", dog_at(10)), ("dog", BALL)])})

    (found,) = outcomes(chain, dataset)

    assert isinstance(found, RejectedClip)
    assert [reason.reason for reason in found.reasons] == ["ambiguous_subject"]
    assert dataset.unmapped.counts == {Unmapped.SEVERAL_THINGS: 1}


def test_what_no_word_of_the_caption_names_is_painted_out_of_the_background(
    tmp_path: Path, videos: Path, chain: StageChain
) -> None:
    masks = [("dog", dog_at(10)), ("umbrella", BALL)]
    tags = {"subject": ["dog"], "object": ["umbrella"], "background": []}
    dataset = opened(tmp_path, videos, {"c1": clip_of(masks=masks, tags=tags)})

    (sample,) = samples(outcomes(chain, dataset))

    assert sample.background is not None
    assert (rgba(sample.background.image)[BALL][:, :3] != FRAMES[10][BALL]).any(axis=-1).mean() > 0.99
    assert dataset.unmapped.counts == {Unmapped.WORD_NOT_IN_CAPTION: 1, Unmapped.MASK_WITHOUT_WORD: 1}


def test_a_cropped_clip_is_refused_or_published_whole(tmp_path: Path, videos: Path, chain: StageChain) -> None:
    clip = clip_of(masks=[("dog", dog_at(10)[16:, 8:])], crop=(8, WIDTH, 16, HEIGHT))

    (refused,) = outcomes(chain, opened(tmp_path / "a", videos, {"c1": clip}))
    whole = opened(tmp_path / "b", videos, {"c1": clip}, cropped="whole")
    (sample,) = samples(outcomes(chain, whole))

    assert "a mask is of 248x128 pixels, and its frame has 256x144" in failure(refused).message
    assert_shows(sample.entities[0].references[0], FRAMES[10], dog_at(10) & (np.arange(HEIGHT) >= 16)[:, None])
    assert whole.unmapped.counts == {Unmapped.CROPPED: 1}


def test_each_row_that_cannot_be_read_says_why_and_costs_only_itself(
    tmp_path: Path, videos: Path, chain: StageChain
) -> None:
    broken_mask = clip_of().to_json()
    broken_mask["annotation"]["mask_annotation"]["10"]["1"]["counts"] = "61X"
    no_frame = clip_of(first=8, frame=7).to_json()
    faster = clip_of(fps=30.0)  # than the video is
    found = outcomes(
        chain,
        opened(
            tmp_path,
            videos,
            {
                "missing": clip_of(path="part1/gone.mov"),
                "size": clip_of(masks=[("dog", dog_at(10)[:100, :200])]),
                "words": clip_of(caption="Nothing of it is said."),
                "version": {"video": "part1/dog.mov", "caption": CAPTION},
                "mask": broken_mask,
                "frame": no_frame,
                "frames": faster,
                "end": clip_of(num_frames=40),
                "good": clip_of(),
            },
        ),
    )

    missing, size, words, version, mask, frame, frames, end, good = found
    assert "the video part1/gone.mov is not in" in failure(missing).message
    assert (failure(missing).stage, failure(missing).kind) == ("read", FailureKind.INPUT)
    assert "a mask is of 200x100 pixels, and its frame has 256x144" in failure(size).message
    assert isinstance(words, RejectedClip)
    assert [reason.reason for reason in words.reasons] == ["no_subject_word"]
    assert "version in total_part1.json: has no 'metadata', only video, caption" in failure(version).message
    assert "a mask cannot be read" in failure(mask).message
    assert isinstance(frame, RejectedClip)
    assert [reason.reason for reason in frame.reasons] == ["no_subject_located"]
    assert "it has 24 frames per second, and was annotated with 30" in failure(frames).message
    assert "frames [8, 48) were annotated, and the file has 30" in failure(end).message
    samples([good])
    assert len({each.clip_id for each in found}) == 9


def test_lines_archives_and_files_of_one_clip_are_read_alike(tmp_path: Path, videos: Path) -> None:
    clips = {key: clip_of().to_json() for key in ("c1", "c2")}
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps({"c1": clips["c1"]}) + '\n{"c3": \n' + json.dumps({"key": "c2", **clips["c2"]}) + "\n")
    write_opens2v(tmp_path / "archive" / "total_part1.json", clips)
    with zipfile.ZipFile(tmp_path / "total_part1.json.zip", "w") as archive:
        archive.write(tmp_path / "archive" / "total_part1.json", "total_part1.json")
    (tmp_path / "c1.json").write_text(json.dumps(clips["c1"]))

    def ids(name: str) -> list[str]:
        found = open_foreign(LAYOUTS["opens2v"], tmp_path / name, videos, ImportConfig())
        return [each.clip_id if isinstance(each, Clip) else failure(each).message for each in found]

    first, broken, second = ids("lines.jsonl")
    assert "line 2 of lines.jsonl: is no JSON" in broken
    assert ids("archive") == ids("total_part1.json.zip") == [first, second]
    assert ids("c1.json") == [first]


def test_a_clip_that_stands_there_twice_is_taken_once(tmp_path: Path, videos: Path) -> None:
    write_opens2v(tmp_path / "total_part2.json", {"c1": clip_of()})

    first, again = opened(tmp_path, videos, {"c1": clip_of()})

    assert isinstance(first, Clip)
    assert isinstance(again, FailedClip)
    assert "c1 in total_part2.json: repeats c1 in total_part1.json" in again.message


def test_an_input_of_another_kind_is_refused(tmp_path: Path, videos: Path) -> None:
    (tmp_path / "notes.txt").touch()

    with pytest.raises(ValueError, match=r"has no annotations, expected files that end in \.json"):
        list(open_foreign(LAYOUTS["opens2v"], tmp_path, videos, ImportConfig()))
    with pytest.raises(ValueError, match="comes without its videos; name the folder"):
        open_foreign(LAYOUTS["opens2v"], tmp_path, None, ImportConfig())
