"""Videos of several shots, through the real decoder, split and published; what a clip shows is read off its frames."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.annotators.shots.detectors import TransNetV2Shots
from curation.execution.chain import PlannedStage, StageChain
from curation.execution.outcomes import Record
from curation.records import Clip, Image
from curation.stage import SplittingStage
from curation.stages.decode import Decode, DecodeConfig, ReferenceTimes
from curation.stages.publish import PayloadMode, Publish, PublishConfig
from curation.stages.shot_frames import ShotFrames
from curation.stages.split_shots import SplitShots, SplitShotsConfig, is_hard_cut, spans_between
from curation.video import decoding
from curation.video.footage import Footage
from dataset_schema import TABLE_6_BUCKETS, Entity, EntityKind, RejectedClip
from tests.curation.deciding import reasons_of
from tests.curation.made_videos import (
    add_audio,
    add_video,
    barcode,
    clip_of,
    decode_request,
    decoded_images,
    read_barcode,
    write_barcodes,
    write_video,
)
from tests.curation.stages.test_single_shot import ScriptedDetector
from video_reading.shown_frames import ShownFrames

ENTITIES = (Entity(word="dog", kind=EntityKind.SUBJECT, start=2, end=5),)
MARGIN = SplitShotsConfig().hard_margin_frames

COLORS = ((200, 30, 30), (30, 180, 40), (40, 50, 210), (210, 200, 40), (40, 190, 200), (190, 50, 190))


@pytest.fixture(scope="module")
def decode() -> Iterator[Decode]:
    stage = Decode(DecodeConfig(), keeps_footage=True)
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def publish() -> Iterator[Publish]:
    stage = Publish(PublishConfig(mode=PayloadMode.COPY))
    yield stage
    stage.close()


def splitter(count: int, cuts: Sequence[int], **config: Any) -> SplitShots:
    """Splits where new shots begin at `cuts`."""
    probabilities = np.zeros(count)
    probabilities[[cut - 1 for cut in cuts]] = 0.9
    stage = SplitShots(SplitShotsConfig(**config), ScriptedDetector(probabilities.tolist()))
    stage.setup()
    return stage


def shot_barcodes(count: int, cuts: Sequence[int]) -> Iterator[Image]:
    """Frames that carry 0, 1, 2, ... between bands that are dark in one shot and bright in the next."""
    for index in range(count):
        image = barcode(index)
        bright = 30 + 200 * (sum(cut <= index for cut in cuts) % 2)
        image[:45], image[-45:] = bright, bright
        yield image


def split_video(
    path: Path, decode: Decode, split: SplitShots, publish: Publish | None = None, *, config: DecodeConfig | None = None
) -> list[Record]:
    (clip,) = decode.score([replace(clip_of(path), entities=ENTITIES, extra='{"id": 5}')])
    assert reasons_of(decode, clip) == ()
    stages = (split, ShotFrames((config or DecodeConfig()).limits(TABLE_6_BUCKETS)))
    chain = StageChain([PlannedStage(stage=stage, drops=frozenset()) for stage in stages], score_all=False)
    records = chain.run([clip])
    if publish is None:
        return records
    return [publish.score([record])[0] if isinstance(record, Clip) else record for record in records]


def published_images(record: Record) -> list[Image]:
    assert isinstance(record, Clip)
    assert record.sample is not None
    assert record.sample.video.bytes is not None
    return decoded_images(record.sample.video.bytes)


def expected_spans(count: int, cuts: Sequence[int]) -> list[tuple[int, int]]:
    """First frame and end of each shot without the frames next to its cuts, told shot by shot."""
    edges = [0, *cuts, count]
    spans = []
    for first, end in pairwise(edges):
        trimmed = (first + (MARGIN if first else 0), end - (MARGIN if end < count else 0))
        spans += [trimmed] if trimmed[1] > trimmed[0] else []
    return spans


@pytest.mark.parametrize(
    ("count", "cuts"),
    [
        (96, [30, 55]),
        (60, [1]),  # the first frame is a shot
        (60, [59]),
        (80, [40]),
        (90, [30, 33, 60]),  # a flash of three frames
        (960, list(range(24, 960, 24))),  # forty shots
    ],
)
def test_every_published_clip_shows_the_frames_of_exactly_one_shot(
    tmp_path: Path, decode: Decode, publish: Publish, count: int, cuts: list[int]
) -> None:
    path = write_video(tmp_path / "a.mp4", shot_barcodes(count, cuts))

    records = split_video(path, decode, splitter(count, cuts))

    spans = expected_spans(count, cuts)
    assert [record.clip_id for record in records] == [f"{'0' * 16}-shot{n}" for n in range(1, len(spans) + 1)]
    for record, (first, end) in zip(records, spans, strict=True):
        assert record.source.start_s == pytest.approx(first / 24)
        assert record.source.end_s == pytest.approx(end / 24, abs=1e-3)
        assert (record.source.num_clips, record.source.id) == (len(spans), "0" * 16)
        assert isinstance(record, Clip if end - first >= 17 else RejectedClip)
        if isinstance(record, Clip):
            assert record.media is not None
            assert (record.caption, record.extra) == ("A dog runs.", '{"id": 5}')
            assert record.media.decoded_frames == end - first
            assert record.media.duration_s == pytest.approx((end - first) / 24, abs=1e-3)
        else:
            assert [reason.reason for reason in record.reasons] == ["too_short"]
            assert record.thumbnail is not None
    for record, (first, end) in [*zip(records, spans, strict=True)][:: max(1, len(spans) // 5)]:
        if isinstance(record, Clip):
            (done,) = publish.score([record])
            assert [read_barcode(image) for image in published_images(done)] == list(range(first, end))
            assert done.sample is not None
            assert done.sample.num_frames == end - first


def test_the_frames_of_a_shot_are_its_own_and_close_to_the_planned_times(tmp_path: Path, decode: Decode) -> None:
    path = write_video(tmp_path / "a.mp4", shot_barcodes(240, [80]))

    records = split_video(path, decode, splitter(240, [80]))

    for record, (first, end) in zip(records, expected_spans(240, [80]), strict=True):
        assert isinstance(record, Clip)
        frames = record.frames
        assert frames is not None
        assert not isinstance(frames, Footage)
        assert [read_barcode(image) for image in frames.thumbnails] == list(range(first, end))
        np.testing.assert_allclose(frames.times_s, np.arange(first, end) / 24, atol=1e-3)
        duration_s = (end - first) / 24
        planned_s = first / 24 + (np.arange(16) + 0.5) / 16 * duration_s
        np.testing.assert_allclose(frames.content_times_s, planned_s, atol=1 / 24 + 1 / 24)
        assert [read_barcode(image) for image in frames.content] == np.rint(frames.content_times_s * 24).tolist()
        assert len(frames.reference_frames) == 3
        for reference, position in zip(frames.reference_frames, (0.05, 0.5, 0.95), strict=True):
            # Half a step of the grid; or a whole one from the end of the shot that is close.
            exact_s = position * duration_s
            allowed_s = max(0.125, 0.25 - min(exact_s, duration_s - exact_s)) + 1 / 24
            assert abs(reference.time_s - first / 24 - exact_s) <= allowed_s
            assert read_barcode(reference.image) == first + reference.index
            assert reference.time_s == pytest.approx((first + reference.index) / 24, abs=1e-3)
            around = [read_barcode(image) for image in reference.neighbours]
            assert around[reference.centre] == first + reference.index
            assert around == sorted(set(around))
            assert set(around) <= set(range(first, end))
            assert np.rint(np.array(reference.neighbour_times_s) * 24).tolist() == around
            wanted = [first + reference.index + 2 * step for step in range(-4, 5)]
            assert around == [index for index in wanted if first <= index < end]
            assert not reference.is_outside


@pytest.mark.parametrize("count", [17, 40, 240])
def test_a_video_of_one_shot_stays_as_it_is(tmp_path: Path, decode: Decode, publish: Publish, count: int) -> None:
    path = write_barcodes(tmp_path / "a.mp4", count)
    plain = Decode(DecodeConfig())

    (record,) = split_video(path, decode, splitter(count, []), publish)
    (expected,) = plain.score([clip_of(path)])
    plain.close()

    assert isinstance(record, Clip)
    assert (record.clip_id, record.source, record.media) == (expected.clip_id, expected.source, expected.media)
    assert record.frames is not None
    assert expected.frames is not None
    np.testing.assert_array_equal(record.frames.content, expected.frames.content)
    for one, other in zip(record.frames.reference_frames, expected.frames.reference_frames, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.neighbours, other.neighbours)
    assert record.sample is not None
    assert record.sample.video.bytes == path.read_bytes()


def test_a_variable_frame_rate_is_split_in_time(tmp_path: Path, decode: Decode, publish: Publish) -> None:
    times_s = np.concatenate([np.arange(40) / 30, 40 / 30 + np.arange(30) / 10, 40 / 30 + 3 + np.arange(60) / 60])
    path = write_video(tmp_path / "a.mp4", shot_barcodes(len(times_s), [40, 70]), times_s=times_s.tolist())

    records = split_video(path, decode, splitter(len(times_s), [40, 70]), publish)

    for record, (first, end) in zip(records, expected_spans(len(times_s), [40, 70]), strict=True):
        assert record.source.start_s == pytest.approx(times_s[first], abs=1e-3)
        shown = [read_barcode(image) for image in published_images(record)]
        # At 24 per second, a frame of a sixtieth may fall between two moments.
        assert shown == sorted(shown)
        assert shown[0] in {first, first + 1}
        assert shown[-1] in {end - 2, end - 1}


def test_only_the_shot_in_which_pictures_are_missing_is_rejected(tmp_path: Path, decode: Decode) -> None:
    times_s = np.arange(120) / 24 + np.where(np.arange(120) >= 80, 30.0, 0.0)
    path = write_video(tmp_path / "a.mp4", shot_barcodes(120, [40]), times_s=times_s.tolist())

    sound, broken = split_video(path, decode, splitter(120, [40]))

    assert isinstance(sound, Clip)
    assert isinstance(broken, RejectedClip)
    assert [reason.reason for reason in broken.reasons] == ["gap"]


def write_colors(path: Path, *, frames_each: int, rotation_deg: int) -> Path:
    """A shot per color, with sound, turned."""
    with av.open(path, "w") as output:
        video, sound = add_video(output), add_audio(output, "aac")
        video.set_display_rotation(rotation_deg)
        for color in COLORS:
            for _ in range(frames_each):
                output.mux(video.encode(av.VideoFrame.from_ndarray(colored(color), format="rgb24")))
        samples = np.zeros((1, 44100 * len(COLORS) * frames_each // 24), np.float32)
        tone = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        tone.sample_rate = 44100
        output.mux([*sound.encode(tone), *sound.encode(), *video.encode()])
    return path


def colored(color: npt.ArrayLike, height: int = 180, width: int = 320) -> Image:
    """A color that is lighter towards the right."""
    slope = np.linspace(0.7, 1.2, width)[None, :, None]
    return np.broadcast_to(np.clip(np.array(color) * slope, 0, 255), (height, width, 3)).astype(np.uint8)


def color_of(image: Image) -> int:
    """Which of the colors a picture has; they are far apart."""
    distances = [float(np.abs(image.mean(axis=(0, 1)) - 0.95 * np.array(color)).max()) for color in COLORS]
    assert min(distances) < 20
    return int(np.argmin(distances))


def test_a_turned_video_with_sound_gives_upright_shots(tmp_path: Path, decode: Decode, publish: Publish) -> None:
    path = write_colors(tmp_path / "a.mp4", frames_each=30, rotation_deg=180)

    records = split_video(path, decode, splitter(180, range(30, 180, 30)), publish)

    assert len(records) == 6
    for number, record in enumerate(records):
        images = published_images(record)
        assert {color_of(image) for image in images} == {number}
        assert len(images) == (28 if number in {0, 5} else 26)
        assert all(image[:, :20].mean() > image[:, -20:].mean() for image in images)
        assert isinstance(record, Clip)
        assert record.frames is not None
        assert {color_of(reference.image) for reference in record.frames.reference_frames} == {number}


@pytest.mark.parametrize("peak", [0, 5, 11])
def test_no_frame_of_a_dissolve_is_left_wherever_the_detector_saw_it(
    tmp_path: Path, decode: Decode, publish: Publish, peak: int
) -> None:
    shares = np.concatenate([np.zeros(40), (np.arange(12) + 0.5) / 12, np.ones(40)])
    first, second = np.array(COLORS[0]), np.array(COLORS[2])
    path = write_video(tmp_path / "a.mp4", (colored(first * (1 - share) + second * share) for share in shares))

    records = split_video(path, decode, splitter(92, [40 + peak]), publish)

    for number, record in zip((0, 2), records, strict=True):
        for image in published_images(record):
            assert np.abs(image.mean(axis=(0, 1)) - 0.95 * np.array(COLORS[number])).max() < 6


def test_a_long_run_of_high_probability_is_left_out_as_a_whole(tmp_path: Path, decode: Decode) -> None:
    path = write_video(tmp_path / "a.mp4", (colored((40 + i, 90, 200 - i)) for i in range(150)))
    split = SplitShots(
        SplitShotsConfig(), ScriptedDetector([(0.95 if i == 75 else 0.9) if 60 <= i < 90 else 0.0 for i in range(150)])
    )

    records = split_video(path, decode, split)

    edges_s = [edge_s or 0.0 for record in records for edge_s in (record.source.start_s, record.source.end_s)]
    assert edges_s == pytest.approx([0.0, (61 - 12) / 24, (90 + 12) / 24, 150 / 24])


def test_a_video_of_nothing_but_transitions_has_no_shot(tmp_path: Path, decode: Decode) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 40)

    (record,) = split_video(path, decode, splitter(40, range(1, 40)))

    assert isinstance(record, RejectedClip)
    assert [(reason.stage, reason.reason) for reason in record.reasons] == [("split_shots", "no_shot")]


def test_after_decoding_nobody_opens_the_video_again(tmp_path: Path, decode: Decode) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 96)
    (clip,) = decode.score([clip_of(path)])
    path.unlink()
    split = splitter(96, [30, 60])
    assert isinstance(split, SplittingStage)

    (scored,) = split.score([clip])
    parts = ShotFrames(DecodeConfig().limits(TABLE_6_BUCKETS)).score(split.split(scored))

    assert [len(part.frames.reference_frames) for part in parts if part.frames] == [3, 3, 3]


def test_footage_costs_one_pass_of_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 240, key_frame_every=30)
    decoded: list[int] = []
    look_at = ShownFrames._look_at

    def counted(self: ShownFrames, frame: av.VideoFrame) -> None:
        decoded.append(frame.pts or 0)
        look_at(self, frame)

    monkeypatch.setattr(ShownFrames, "_look_at", counted)

    answer = decoding.decode(replace(decode_request(path), keeps_footage=True))

    assert isinstance(answer.frames, Footage)
    assert len(decoded) == len(set(decoded)) == 240


def test_the_score_of_a_part_is_that_of_its_own_frames(tmp_path: Path, decode: Decode) -> None:
    path = write_video(tmp_path / "a.mp4", shot_barcodes(90, [45]))
    probabilities = [0.0] * 90
    probabilities[10], probabilities[44], probabilities[70] = 0.15, 0.8, 0.05
    split = SplitShots(SplitShotsConfig(), ScriptedDetector(probabilities))

    records = split_video(path, decode, split)

    assert [record.scores.shot_change for record in records if isinstance(record, Clip)] == [0.15, 0.05]


@pytest.mark.parametrize(("threshold", "shots"), [(0.2, 2), (0.3, 1)])
def test_the_threshold_decides_where_to_split(tmp_path: Path, decode: Decode, threshold: float, shots: int) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 90)
    detector = ScriptedDetector([0.25 if i == 44 else 0.0 for i in range(90)])

    assert len(split_video(path, decode, SplitShots(SplitShotsConfig(threshold=threshold), detector))) == shots


def pan(seed: int, count: int) -> Iterator[Image]:
    """A camera that pans over soft blots."""
    rng = np.random.default_rng(seed)
    field = cv2.resize(rng.integers(0, 256, (6, 16, 3), np.uint8), (640, 180), interpolation=cv2.INTER_CUBIC)
    return (field[:, 3 * i : 3 * i + 320] for i in range(count))


def test_shots_that_transnetv2_finds_hold_no_frame_of_another(tmp_path: Path, decode: Decode, publish: Publish) -> None:
    images = [image for seed, length in enumerate((40, 30, 30)) for image in pan(seed, length)]
    path = write_video(tmp_path / "a.mp4", images)
    split = SplitShots(SplitShotsConfig(), TransNetV2Shots())

    records = split_video(path, decode, split, publish)

    spans = expected_spans(100, [40, 70])
    for record, (first, end) in zip(records, spans, strict=True):
        shown = published_images(record)
        assert len(shown) == end - first
        for image, original in zip(shown, images[first:end], strict=True):
            scaled = cv2.resize(original, (256, 144), interpolation=cv2.INTER_AREA)
            assert np.abs(image.astype(int) - scaled).mean() < 8


def test_shots_with_references_from_after_the_clip(tmp_path: Path, publish: Publish) -> None:
    path = write_video(tmp_path / "a.mp4", shot_barcodes(200, [50]))
    config = DecodeConfig(reference_times=ReferenceTimes.AFTER)
    decode = Decode(config, keeps_footage=True)

    (whole,) = decode.score([clip_of(path)])
    short, long = split_video(path, decode, splitter(200, [50]), publish, config=config)
    decode.close()

    assert whole.source.end_s is None
    assert whole.media is not None
    assert whole.media.decoded_frames == 200
    assert isinstance(short, RejectedClip)
    assert [reason.reason for reason in short.reasons] == ["too_short_for_outside_references"]
    assert isinstance(long, Clip)
    assert long.frames is not None
    # 148 frames, 6.2 s: the longest bucket with a second and as much again after it has 49 frames.
    assert long.media is not None
    assert long.media.decoded_frames == 49
    assert long.source.start_s == pytest.approx(52 / 24)
    assert long.source.end_s == pytest.approx(101 / 24)
    assert [read_barcode(image) for image in published_images(long)] == list(range(52, 101))
    assert all(52 <= read_barcode(image) < 101 for image in long.frames.content)
    assert [reference.is_outside for reference in long.frames.reference_frames] == [False, True, True, True]
    seen = [read_barcode(reference.image) for reference in long.frames.reference_frames]
    assert 52 <= seen[0] < 101
    assert all(101 + 24 <= index < 200 for index in seen[1:])


def test_a_reference_after_the_gap_is_not_taken_from_within_it(tmp_path: Path, decode: Decode) -> None:
    path = write_video(tmp_path / "a.mp4", shot_barcodes(112, [48]))
    config = DecodeConfig(reference_times=ReferenceTimes.AFTER)

    *_, last = split_video(path, decode, splitter(112, [48]), config=config)

    # Frames 50 to 66 are the clip, and the rest begins at 91; the picture nearest to 5 % of it is that of frame 90.
    assert isinstance(last, Clip)
    assert last.frames is not None
    assert (
        next(read_barcode(reference.image) for reference in last.frames.reference_frames if reference.is_outside) == 96
    )


@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.integers(-20, 320), st.integers(0, 40), st.integers(0, 40)), max_size=30),
)
def test_spans_are_what_the_transitions_leave(count: int, changes: list[tuple[int, int, int]]) -> None:
    around = sorted((max(0, cut - before), min(count, cut + after)) for cut, before, after in changes)
    transitions = [(first, end) for first, end in around if first <= end]

    spans = spans_between(transitions, count)

    left_out = {frame for first, end in transitions for frame in range(first, end)}
    cuts = {end for first, end in transitions if first == end}
    assert [frame for first, end in spans for frame in range(first, end)] == sorted(set(range(count)) - left_out)
    assert all(0 <= first < end <= count for first, end in spans)
    assert all(end <= first for (_, end), (first, _) in pairwise(spans))
    assert not any(first < cut < end for first, end in spans for cut in cuts)


def test_a_cut_is_hard_if_the_change_is_between_two_frames() -> None:
    def video(*shares: float) -> np.ndarray:
        return np.stack([colored(np.array(COLORS[0]) * (1 - s) + np.array(COLORS[2]) * s, 27, 48) for s in shares])

    hard = video(*[0.0] * 12, *[1.0] * 12)
    dissolve = video(*[0.0] * 6, *np.linspace(0, 1, 12), *[1.0] * 6)

    assert is_hard_cut(hard, 12, 0, 24)
    assert is_hard_cut(hard, 12, 10, 14)
    assert not is_hard_cut(dissolve, 12, 4, 20)
    assert is_hard_cut(dissolve[:1].repeat(5, 0), 2, 0, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.0}, "threshold 0"),
        ({"hard_margin_frames": -1}, "hard_margin_frames -1"),
        ({"gradual_margin_s": -0.1}, "gradual_margin_s -0.1"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SplitShotsConfig(**settings)
