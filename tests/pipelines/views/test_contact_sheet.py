import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from curation.profiles import CurationConfig, build_stages
from dataset_schema import Box, Entity, EntityKind, FailedClip, Payload, Reason, ReferenceImage, RejectedClip, Sample
from pipelines.views.contact_sheet import kept_sheet, rejected_sheet
from pipelines.views.sheet_pictures import frames_at, on_checkerboard, outlined, shown_times_s
from tests.pipelines.shown_page import ShownPage
from worlds.sprites import write_video

MakeSample = Callable[[int], Sample]
RULES = {stage.name: stage.rules for stage in build_stages(CurationConfig())}


def page_of_kept(*samples: Sample, total: int | None = None) -> ShownPage:
    page = ShownPage(kept_sheet(samples, total=len(samples) if total is None else total, policy=RULES))
    page.expect_to_be_one_file()
    return page


def page_of_lost(rejected: Sequence[RejectedClip], failed: Sequence[FailedClip]) -> ShownPage:
    page = ShownPage(rejected_sheet(rejected, failed, num_rejected=len(rejected), num_failed=len(failed), policy=RULES))
    page.expect_to_be_one_file()
    return page


def decoded(video: Payload) -> npt.NDArray[np.uint8]:
    assert video.bytes is not None
    with av.open(io.BytesIO(video.bytes), "r") as container:
        return np.stack([np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)])


def nearest(frame: npt.NDArray[np.uint8] | None, video: npt.NDArray[np.uint8]) -> int:
    assert frame is not None
    return int(np.square(video.astype(float) - frame).mean(axis=(1, 2, 3)).argmin())


def first_reference(sample: Sample) -> ReferenceImage:
    return next(reference for entity in sample.entities for reference in entity.references)


def test_a_kept_clip_shows_its_words_in_the_color_of_their_kind(make_sample: MakeSample) -> None:
    sample = replace(make_sample(0), entities=())
    entity = Entity(word=sample.caption[3:9], kind=EntityKind.OBJECT, start=3, end=9)

    (said,) = page_of_kept(replace(sample, entities=(entity,))).of_class("said")

    assert said.text == sample.caption
    page = page_of_kept(replace(sample, entities=(entity,)))
    assert [each.text for each in page.of_class("object")] == ["object", sample.caption[3:9].strip()]
    assert [each.text for each in page_of_kept(sample).of_class("object")] == ["object"]


def test_a_kept_clip_shows_its_frames_references_and_background(make_sample: MakeSample) -> None:
    sample = make_sample(2)

    page = page_of_kept(sample, total=7)

    assert page.text.startswith("Kept: the first 1 of 7 clips")
    for time_s in shown_times_s(sample):
        (frame,) = page.pictures(f"{time_s:.2f} s")
        assert frame.width / frame.height == pytest.approx(sample.width / sample.height, rel=0.02)
    for entity in sample.entities:
        assert len(page.pictures(entity.word)) == sum(not reference.is_face for reference in entity.references)
    reference = Image.open(io.BytesIO(first_reference(sample).image.bytes or b""))
    shown = page.pictures(next(entity.word for entity in sample.entities if entity.references))[0]
    assert shown.mode == "RGBA"
    assert np.asarray(shown.getchannel("A")).mean() == pytest.approx(
        np.asarray(reference.getchannel("A")).mean(), abs=4
    )
    assert len(page.pictures("background")) == (sample.background is not None)


@pytest.mark.parametrize(
    "caption",
    [
        *("\u4e00\u53ea\u732b\u8df3\u4e0b", "\u0642\u0637\u0629 \u0639\u0644\u0649 \u0627\u0644\u0639\u0634\u0628"),
        *("A cat \U0001f408 in a caf\u00e9", '<script>alert(1)</script> &amp; "quoted"'),
    ],
)
def test_a_caption_in_any_script_is_shown_as_it_is(
    make_sample: MakeSample, rejected_clip: RejectedClip, caption: str
) -> None:
    (kept,) = page_of_kept(replace(make_sample(2), caption=caption, entities=())).of_class("said")
    (lost,) = page_of_lost([replace(rejected_clip, caption=caption)], []).of_class("caption")

    assert kept.text == lost.text == caption


def test_the_frames_shown_are_those_that_the_references_were_cut_from(make_sample: MakeSample) -> None:
    sample = make_sample(2)

    frames = frames_at(sample, shown_times_s(sample))

    assert [nearest(frame, decoded(sample.video)) for frame in frames] == [1, 12, 23]


def test_a_clip_without_references_shows_its_first_middle_and_last_frame(make_sample: MakeSample) -> None:
    sample = replace(make_sample(2), entities=())

    frames = frames_at(sample, shown_times_s(sample))

    assert [nearest(frame, decoded(sample.video)) for frame in frames] == [0, 12, 24]


def test_a_span_of_a_whole_video_shows_the_same_frames_as_the_same_span_cut_out(
    make_sample: MakeSample, tmp_path: Path
) -> None:
    whole = decoded(make_sample(2).video)
    write_video(tmp_path / "whole.mp4", whole, 24)
    write_video(tmp_path / "cut.mp4", whole[6:18], 24)
    sample = replace(make_sample(2), entities=(), num_frames=12)
    source = replace(sample.source, start_s=0.25, end_s=0.75)
    span = replace(sample, source=source, video=Payload(path=str(tmp_path / "whole.mp4")), video_start_s=0.25)
    cut = replace(sample, source=source, video=Payload(path=str(tmp_path / "cut.mp4")), video_start_s=0.0)

    shown = [[nearest(frame, whole) for frame in frames_at(clip, shown_times_s(clip))] for clip in (span, cut)]

    assert shown[0] == shown[1]
    assert shown[0][0] == 6
    assert shown[0][2] == 17


def test_an_outline_runs_along_the_edge_of_the_mask(make_sample: MakeSample) -> None:
    sample = make_sample(2)
    reference = first_reference(sample)
    frame = np.zeros((sample.height, sample.width, 3), np.uint8)

    drawn = outlined(frame, sample, [(reference, "#ff0000")])

    alpha = np.asarray(Image.open(io.BytesIO(reference.image.bytes or b"")).getchannel("A"))
    mask = np.zeros(frame.shape[:2], np.uint8)
    assert reference.box is not None
    x, y = int(reference.box.x0), int(reference.box.y0)
    mask[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha > 127
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    cv2.rectangle(box := np.zeros_like(mask), (x, y), (x + alpha.shape[1] - 1, y + alpha.shape[0] - 1), 1, 1)
    inked: npt.NDArray[np.bool_] = np.asarray(drawn.any(axis=-1))
    assert not inked[~edge & (box == 0)].any()
    inner = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    assert inked[(mask > 0) & (inner == 0)].all()


def test_a_box_is_moved_with_the_crop_of_a_cut_clip(make_sample: MakeSample) -> None:
    sample = make_sample(2)
    wide = replace(sample, media=replace(sample.media, width=200, height=100))
    reference = replace(first_reference(sample), box=Box(x0=50, y0=0, x1=150, y1=100), is_face=True)

    drawn = outlined(np.zeros((80, 80, 3), np.uint8), wide, [(reference, "#ff0000")])

    inked: npt.NDArray[np.bool_] = np.asarray(drawn.any(axis=-1))
    assert inked[[0, -1]].all()
    assert inked[:, [0, -1]].all()
    assert not inked[1:-1, 1:-1].any()


def test_a_checkerboard_shows_where_a_picture_is_transparent() -> None:
    rgba = np.zeros((32, 32, 4), np.uint8)
    rgba[8:, :] = (10, 200, 30, 255)

    shown = np.asarray(on_checkerboard(Image.fromarray(rgba)))

    assert (shown[8:] == (10, 200, 30)).all()
    assert {tuple(pixel) for pixel in shown[:8].reshape(-1, 3)} == {(232,) * 3, (208,) * 3}


def with_video(sample: Sample, video: Payload) -> Sample:
    return replace(sample, video=video)


def with_reference(sample: Sample, **changes: Any) -> Sample:
    entity = next(entity for entity in sample.entities if entity.references)
    changed = replace(entity.references[0], **changes)
    return replace(sample, entities=(replace(entity, references=(changed,)),))


def with_many_references(sample: Sample) -> Sample:
    entity = next(entity for entity in sample.entities if entity.references)
    return replace(sample, entities=(replace(entity, references=entity.references * 9),))


def with_unreadable_background(sample: Sample) -> Sample:
    assert sample.background is not None
    return replace(sample, background=replace(sample.background, image=Payload(bytes=b"not a picture")))


BROKEN: dict[str, Callable[[Sample], Sample]] = {
    "no background": lambda sample: replace(sample, background=None),
    "unreadable background": with_unreadable_background,
    "missing video": lambda sample: with_video(sample, Payload(path="missing.mp4")),
    "video is text": lambda sample: with_video(sample, Payload(bytes=b"not a video" * 100)),
    "truncated video": lambda sample: with_video(sample, Payload(bytes=(sample.video.bytes or b"")[:6000])),
    "unreadable reference": lambda sample: with_reference(sample, image=Payload(path="missing.png")),
    "box outside the frame": lambda sample: with_reference(sample, box=Box(x0=4000, y0=4000, x1=4100, y1=4100)),
    "many references": with_many_references,
    "huge caption": lambda sample: replace(sample, caption="x" * 100_000, entities=()),
    "other script": lambda sample: replace(sample, caption="\u4e00\u53ea\u732b\n\t \U0001f408 \x00", entities=()),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_clip_with_something_wrong_still_gets_its_card(make_sample: MakeSample, name: str) -> None:
    sound = make_sample(2)

    page = page_of_kept(BROKEN[name](sound), sound)

    assert len(page.of_tag("article")) == 2
    told = [each.text for each in page.of_class("nothing")]
    expected = {"missing video": ["no frame"] * 3, "unreadable reference": ["unreadable"]}
    if name in expected:
        assert told == expected[name]


def test_a_rejected_clip_shows_its_thumbnail(rejected_clip: RejectedClip) -> None:
    (picture,) = page_of_lost([rejected_clip], []).pictures("a frame of the clip")
    without = page_of_lost([replace(rejected_clip, thumbnail=None)], [])

    assert (np.abs(np.asarray(picture.convert("RGB")).astype(int) - (0x1E, 0xA0, 0x5A)).max(axis=-1) < 16).any()
    assert not without.of_tag("img")


def test_every_reason_and_failure_takes_its_place(rejected_clip: RejectedClip, failed_clip: FailedClip) -> None:
    reasons = (
        Reason(stage="entity_words", reason="no_subject_word", detail="no word names a subject"),
        Reason(stage="my_stage", reason="too_blue", detail="blue is 0.9"),
    )

    page = page_of_lost([replace(rejected_clip, reasons=reasons)], [failed_clip] * 3)

    first, second, *failures = [each.text for each in page.of_class("verdict")]
    (rule,) = [rule for rule in RULES["entity_words"] if rule.code == "no_subject_word"]
    assert first == f"entity words: {rule.plain} no_subject_word no word names a subject {rule.advice}"
    assert second == "my stage: too blue too_blue blue is 0.9"
    assert len(failures) == 3
    assert all(failed_clip.message in failure for failure in failures)
    assert [each.attributes["class"] for each in page.of_tag("b")] == ["rejected"] * 2 + ["failed"] * 3


def test_sheets_of_nothing_say_so() -> None:
    assert page_of_kept().text.startswith("Kept: 0 clips")
    assert page_of_lost([], []).text == "Rejected: 0 clips Failed: 0 clips"
