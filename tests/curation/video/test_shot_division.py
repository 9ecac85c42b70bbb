"""References from another time of the same shot than the clip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curation.execution.outcomes import thumbnail
from curation.records import Clip
from curation.stages.decode import Decode, DecodeConfig, ReferenceTimes
from curation.stages.publish import PayloadMode, Publish, PublishConfig
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter
from curation.video.plan import plan_frames
from curation.video.shot_division import Division
from dataset_schema import TABLE_6_BUCKETS, Entity, EntityKind
from tests.curation.deciding import reasons_of
from tests.curation.made_videos import clip_of, decoded_images, read_barcode, write_barcodes, write_video
from tests.curation.stages.test_single_shot import ScriptedDetector

AFTER = DecodeConfig(reference_times=ReferenceTimes.AFTER)


@pytest.fixture(scope="module")
def decode() -> Iterator[Decode]:
    stage = Decode(AFTER)
    yield stage
    stage.close()


def decoded(decode: Decode, path: Path, start_s: float | None = None, end_s: float | None = None) -> Clip:
    (clip,) = decode.score([clip_of(path, start_s, end_s)])
    return clip


@given(
    st.integers(2, 2000),
    st.sampled_from([5.0, 12.0, 23.976, 24.0, 25.0, 30.0, 60.0]),
    st.floats(0, 1000),
    st.sets(st.sampled_from([17, 49, 73, 97, 121, 145, 193, 289]), min_size=1),
    st.floats(0, 5),
)
def test_the_clip_is_the_longest_bucket_that_leaves_as_much_after_the_gap(
    count: int, fps: float, start_s: float, buckets: set[int], gap_s: float
) -> None:
    times_s = start_s + np.arange(count) / fps
    end_s = start_s + count / fps
    division = Division(lengths_s=tuple(frames / 24 for frames in buckets), gap_s=gap_s)

    clip_end_s = division.clip_end_s(times_s, end_s)

    fitting = [frames / 24 for frames in buckets if 2 * frames / 24 + gap_s <= count / fps]
    assume(all(abs(2 * frames / 24 + gap_s - count / fps) > 5e-3 for frames in buckets))
    if not fitting:
        assert clip_end_s is None
        assert count / fps < division.shortest_s
    else:
        assert clip_end_s == pytest.approx(start_s + max(fitting), abs=2e-3)
        plan = plan_frames(times_s, end_s, division)
        assert clip_end_s is not None
        assert plan.clip_end_s == clip_end_s
        assert all(start_s <= moment_s < clip_end_s + 1 / fps for moment_s in plan.content_s)
        assert plan.references_s[0] < clip_end_s + 1 / fps
        # A frame is on show from its time on, and the moment lies in the middle of that.
        assert all(moment_s >= clip_end_s + gap_s - 0.5 / fps - 2e-3 for moment_s in plan.references_s[1:])


def test_without_a_division_the_plan_is_that_of_the_whole_clip() -> None:
    times_s = np.arange(240) / 24

    assert plan_frames(times_s, 10.0).clip_end_s is None
    too_long = Division(lengths_s=(5.1,), gap_s=0.0)
    assert plan_frames(times_s, 10.0, too_long) == plan_frames(times_s, 10.0)


@pytest.mark.parametrize(("start_s", "first"), [(None, 0), (0.5, 12)])
def test_only_the_clip_is_published_and_only_the_rest_gives_references(
    tmp_path: Path, decode: Decode, start_s: float | None, first: int
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 160)
    publish = Publish(PublishConfig(mode=PayloadMode.COPY))

    clip = decoded(decode, path, start_s)

    # 6.7 and 6.2 s: the longest bucket that leaves a second and as much again has 49 frames.
    assert reasons_of(decode, clip) == ()
    assert clip.source.start_s == start_s
    assert clip.source.end_s == pytest.approx((first + 49) / 24)
    assert clip.media is not None
    assert clip.media.decoded_frames == 49
    assert clip.media.duration_s == pytest.approx(49 / 24)
    assert clip.media.fps == pytest.approx(24)
    assert clip.media.damage is None
    assert clip.frames is not None
    middles = [first + int(49 * (number + 0.5) / 16 + 0.05) for number in range(16)]
    assert [read_barcode(image) for image in clip.frames.content] == middles
    assert [reference.is_outside for reference in clip.frames.reference_frames] == [False, True, True, True]
    rest_s = first / 24 + 49 / 24 + 1.0
    exact_s = [(first + 24.5) / 24, *(rest_s + share * (160 / 24 - rest_s) for share in (0.05, 0.5, 0.95))]
    assert [reference.time_s for reference in clip.frames.reference_frames] == pytest.approx(exact_s, abs=1 / 24)
    assert [read_barcode(reference.image) - first for reference in clip.frames.reference_frames] == [
        reference.index for reference in clip.frames.reference_frames
    ]
    (done,) = publish.score([_with_entities(clip)])
    publish.close()
    assert done.sample is not None
    assert done.sample.video.bytes is not None
    assert done.sample.bucket == "49x144x256"
    assert [read_barcode(image) for image in decoded_images(done.sample.video.bytes)] == list(range(first, first + 49))


def _with_entities(clip: Clip) -> Clip:
    return replace(clip, entities=(Entity(word="dog", kind=EntityKind.SUBJECT, start=2, end=5),))


def test_a_span_dataset_points_at_the_clip_alone(tmp_path: Path, decode: Decode) -> None:
    clip = decoded(decode, write_barcodes(tmp_path / "a.mp4", 160), 0.5)

    (done,) = Publish(PublishConfig(mode=PayloadMode.SPAN)).score([_with_entities(clip)])

    assert done.sample is not None
    assert (done.sample.video_start_s, done.sample.num_frames) == (0.5, 49)


@pytest.mark.parametrize(("count", "is_divided"), [(57, False), (58, True)])
def test_a_shot_too_short_to_be_divided_is_rejected_and_says_so(
    tmp_path: Path, decode: Decode, count: int, is_divided: bool
) -> None:
    clip = decoded(decode, write_barcodes(tmp_path / "a.mp4", count))

    reasons = reasons_of(decode, clip)

    # Two times 17 frames and a second.
    assert [reason.reason for reason in reasons] == ([] if is_divided else ["too_short_for_outside_references"])
    if not is_divided:
        assert reasons[0].detail.startswith("2.38 s long, at least 2.42 s are needed")
        assert clip.source.end_s is None


def test_a_video_too_long_to_decode_is_only_that(tmp_path: Path) -> None:
    stage = Decode(DecodeConfig(reference_times=ReferenceTimes.AFTER, max_duration_s=5.0))

    reasons = reasons_of(stage, decoded(stage, write_barcodes(tmp_path / "a.mp4", 150)))
    stage.close()

    assert [reason.reason for reason in reasons] == ["too_long"]


def test_the_shot_detector_sees_the_rest_too(tmp_path: Path, decode: Decode) -> None:
    clip = decoded(decode, write_barcodes(tmp_path / "a.mp4", 160))
    detector = ScriptedDetector([0.9 if index == 140 else 0.0 for index in range(160)])
    stage = SingleShotFilter(SingleShotConfig(), detector)

    (scored,) = stage.score([clip])

    assert len(detector.seen[0]) == 160
    assert [reason.reason for reason in reasons_of(stage, scored)] == ["several_shots"]


def test_a_rejected_clip_is_shown_by_a_frame_of_its_own(tmp_path: Path, decode: Decode) -> None:
    images = [np.full((180, 320, 3), 200 if index < 49 else 20, np.uint8) for index in range(160)]
    clip = decoded(decode, write_video(tmp_path / "a.mp4", images))

    shown = thumbnail(clip)

    assert shown is not None
    assert shown.bytes is not None
    assert decoded_images(shown.bytes)[0].mean() == pytest.approx(200, abs=4)


def test_a_division_needs_lengths_and_a_gap_that_is_none_or_more() -> None:
    with pytest.raises(ValueError, match="lengths_s"):
        Division(lengths_s=(), gap_s=1.0)
    with pytest.raises(ValueError, match="gap_s -1"):
        Division(lengths_s=(1.0,), gap_s=-1.0)
    with pytest.raises(ValueError, match="reference_gap_s -1"):
        DecodeConfig(reference_gap_s=-1.0)
    assert DecodeConfig().limits(TABLE_6_BUCKETS).division is None
