import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageColor

from dataset_schema import Box, Entity, EntityKind, FailedClip, Payload, Reason, ReferenceImage, RejectedClip, Sample
from pipelines.views.contact_sheet import kept_sheet, rejected_sheet
from pipelines.views.sheet_layout import KIND_COLORS
from pipelines.views.sheet_pictures import fit, frames_at, on_checkerboard, outlined, shown_times_s
from worlds.sprites import write_video

MakeSample = Callable[[int], Sample]


def has_color(image: Image.Image, color: str) -> bool:
    return bool((np.asarray(image) == ImageColor.getrgb(color)).all(axis=-1).any())


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

    plain = kept_sheet([sample], total=1).crop((0, 70, 1600, 1000))
    colored = kept_sheet([replace(sample, entities=(entity,))], total=1).crop((0, 70, 1600, 1000))

    assert not has_color(plain, KIND_COLORS[EntityKind.OBJECT])
    assert has_color(colored, KIND_COLORS[EntityKind.OBJECT])


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


@pytest.mark.parametrize("size", [(300, 10), (10, 300), (1, 1), (1, 4000), (37, 53)])
def test_a_fitted_picture_touches_its_cell_and_stays_in_it(size: tuple[int, int]) -> None:
    fitted = fit(Image.new("RGB", size), 120, 80)

    assert fitted.width == 120 or fitted.height == 80
    assert 1 <= fitted.width <= 120
    assert 1 <= fitted.height <= 80


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

    sheet = kept_sheet([BROKEN[name](sound), sound], total=2)

    lines_more = sheet.height - kept_sheet([sound] * 2, total=2).height
    assert sheet.width == 1600
    assert 0 <= lines_more < 40


def test_a_portrait_clip_is_shown_whole(make_sample: MakeSample, tmp_path: Path) -> None:
    path = tmp_path / "portrait.mp4"
    write_video(path, np.full((25, 150, 34, 3), (200, 40, 40), np.uint8), 24)
    sample = replace(make_sample(2), entities=(), background=None, video=Payload(path=str(path)), width=34, height=150)

    sheet = np.asarray(kept_sheet([sample], total=1)).astype(int)

    red: npt.NDArray[np.bool_] = np.asarray((np.abs(sheet - (200, 40, 40)) < 12).all(axis=-1))
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    width = (np.diff(columns) == 1).sum() / 3 + 1
    assert (rows[-1] - rows[0] + 1) / width == pytest.approx(150 / 34, rel=0.1)


def test_a_rejected_clip_shows_its_thumbnail(rejected_clip: RejectedClip) -> None:
    with_picture = rejected_sheet([rejected_clip], [], num_rejected=1, num_failed=0)
    without = rejected_sheet([replace(rejected_clip, thumbnail=None)], [], num_rejected=1, num_failed=0)

    assert has_color(with_picture, "#1ea05a")
    assert not has_color(without, "#1ea05a")


def test_every_reason_and_failure_takes_its_place(rejected_clip: RejectedClip, failed_clip: FailedClip) -> None:
    long_reason = Reason(stage="entity_words", reason="plural_subject", detail="the subject word is plural " * 50)

    short = rejected_sheet([rejected_clip], [], num_rejected=1, num_failed=0)
    long = rejected_sheet(
        [replace(rejected_clip, reasons=(long_reason,) * 3)], [failed_clip] * 3, num_rejected=1, num_failed=3
    )

    assert short.width == long.width == 1600
    assert long.height > short.height + 3 * 40


def test_sheets_of_nothing_say_so() -> None:
    assert kept_sheet([], total=0).width == 1600
    assert rejected_sheet([], [], num_rejected=0, num_failed=0).width == 1600
