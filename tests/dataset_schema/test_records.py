import math
from dataclasses import replace
from typing import Any

import pytest

from dataset_schema import (
    Box,
    Entity,
    EntityKind,
    FailedClip,
    FailureKind,
    Payload,
    Sample,
    Scores,
    Source,
)
from tests.made_media import media_facts
from tests.made_references import made_reference

SAMPLE = Sample(
    clip_id="0" * 32,
    source=Source(id="0" * 32, uri="/a.mp4"),
    caption="A dog runs.",
    video=Payload(path="/a.mp4"),
    video_start_s=0.0,
    num_frames=17,
    fps=24.0,
    height=144,
    width=256,
    bucket="17x144x256",
    media=media_facts(width=256, height=144, frames=17),
    scores=Scores(),
    entities=(),
    background=None,
)

REFERENCE = made_reference(Payload(bytes=b"png"))


def test_an_entity_word_must_be_the_captions_text_at_its_span() -> None:
    right = Entity(word="dog", kind=EntityKind.SUBJECT, start=2, end=5)

    assert replace(SAMPLE, entities=(right,)).entities == (right,)
    with pytest.raises(ValueError, match=r"entity word 'dog' at \[3, 6\): the caption reads 'og ' there"):
        replace(SAMPLE, entities=(Entity(word="dog", kind=EntityKind.SUBJECT, start=3, end=6),))


def test_a_second_name_points_to_a_word_of_the_clip_that_has_the_references() -> None:
    dog = Entity(word="dog", kind=EntityKind.SUBJECT, start=2, end=5)
    second_name = Entity(word="A dog", kind=EntityKind.SUBJECT, start=0, end=5, same_as="dog")

    assert replace(SAMPLE, entities=(dog, second_name)).entities == (dog, second_name)
    with pytest.raises(ValueError, match="'A dog' is the same as 'dog', expected one of"):
        replace(SAMPLE, entities=(second_name, replace(dog, same_as="A dog")))
    with pytest.raises(ValueError, match="has 1 references, expected none"):
        replace(second_name, references=(REFERENCE,))


@pytest.mark.parametrize("name", ["detection_score", "mask_score", "area", "solidity", "fill", "likeness_to_clip"])
@pytest.mark.parametrize("value", [-1.0, 1.01, math.nan])
def test_a_score_out_of_range_is_no_score(name: str, value: float) -> None:
    scores: dict[str, Any] = {name: value}

    with pytest.raises(ValueError, match=f"has {name} {value}"):
        replace(REFERENCE, **scores)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_sharpness_is_a_number_without_an_upper_end(value: float) -> None:
    assert replace(REFERENCE, sharpness=4e4).sharpness == 4e4
    with pytest.raises(ValueError, match="has sharpness"):
        replace(REFERENCE, sharpness=value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bucket": "17 frames"}, "bucket '17 frames'"),
        ({"clip_id": "../../etc"}, "clip id is"),
        ({"clip_id": ""}, "clip id is"),
    ],
)
def test_a_malformed_sample_cannot_be_made(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(SAMPLE, **change)


@pytest.mark.parametrize("corners", [(0, 0, 0, 5), (-1, 0, 2, 2), (3, 0, 2, 2), (0, 5, 2, 2)])
def test_a_box_has_an_inside(corners: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = corners

    with pytest.raises(ValueError, match="expected 0 <= x0 < x1"):
        Box(x0=x0, y0=y0, x1=x1, y1=y1)


def test_a_span_ends_after_it_starts() -> None:
    with pytest.raises(ValueError, match=r"span \[3.0, 3.0\)"):
        Source(id="0" * 32, uri="/a.mp4", start_s=3.0, end_s=3.0)


def test_a_payload_is_somewhere() -> None:
    with pytest.raises(ValueError, match="neither bytes nor path"):
        Payload()


def test_failure_kinds_read_as_their_names() -> None:
    failed = FailedClip(
        clip_id="0" * 32, source=SAMPLE.source, stage="read", kind=FailureKind("io"), error_type="OSError", message=""
    )

    assert f"{failed.kind}" == "io"
