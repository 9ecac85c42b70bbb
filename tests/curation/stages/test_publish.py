import io
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from curation.records import Clip
from curation.stage import ClipError
from curation.stages.decode import Decode, DecodeConfig
from curation.stages.publish import PayloadMode, Publish, PublishConfig
from dataset_schema import Background, Bucket, Entity, EntityKind, FailureKind, Payload, Sample
from tests.curation.deciding import reasons_of
from tests.curation.made_videos import clip_of, decoded_images, read_barcode, write_barcodes

ENTITIES = (Entity(word="dog", kind=EntityKind.SUBJECT, start=2, end=5),)


@pytest.fixture(scope="module")
def decode() -> Iterator[Decode]:
    stage = Decode(DecodeConfig())
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[PayloadMode, Publish]]:
    stages = {mode: Publish(PublishConfig(mode=mode)) for mode in PayloadMode}
    yield stages
    for stage in stages.values():
        stage.close()


def ready(decode: Decode, path: Path, start_s: float | None = None, end_s: float | None = None) -> Clip:
    (clip,) = decode.score([clip_of(path, start_s, end_s)])
    return replace(clip, entities=ENTITIES)


def published(stage: Publish, clip: Clip) -> Sample:
    (done,) = stage.score([clip])
    assert done.sample is not None
    assert reasons_of(stage, done) == ()
    return done.sample


def bytes_of(sample: Sample) -> bytes:
    assert sample.video.bytes is not None
    return sample.video.bytes


def test_a_whole_file_is_copied_byte_for_byte(
    tmp_path: Path, decode: Decode, stages: dict[PayloadMode, Publish]
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 60, fps=30.0)
    clip = ready(decode, path)

    sample = published(stages[PayloadMode.COPY], clip)

    assert bytes_of(sample) == path.read_bytes()
    assert sample.video.path == "a.mp4"
    assert (sample.num_frames, sample.height, sample.width) == (60, 180, 320)
    assert sample.fps == pytest.approx(30.0)
    assert sample.video_start_s == 0.0
    assert sample.bucket == "17x144x256"


def test_what_the_stages_found_is_in_the_sample(
    tmp_path: Path, decode: Decode, stages: dict[PayloadMode, Publish]
) -> None:
    background = Background(frame_index=12, time_s=0.5, leak=0.1, image=Payload(bytes=b"png"))
    clip = replace(ready(decode, write_barcodes(tmp_path / "a.mp4", 24)), background=background, extra='{"id": 5}')
    clip = clip.with_scores(shot_change=0.25)

    sample = published(stages[PayloadMode.COPY], clip)

    assert sample.entities == ENTITIES
    assert sample.background == background
    assert sample.media == clip.media
    assert sample.scores.shot_change == 0.25
    assert (sample.clip_id, sample.caption, sample.extra) == (clip.clip_id, clip.caption, '{"id": 5}')
    assert sample.source == clip.source


@pytest.mark.parametrize("mode", [PayloadMode.COPY, PayloadMode.EXACT])
@pytest.mark.parametrize("fps", [12.5, 24.0, 30.0, 60.0])
@pytest.mark.parametrize(("start_s", "end_s"), [(0.5, 1.6), (0.0, 1.0), (0.7, 1.52)])
def test_a_span_is_cut_to_the_frame(
    tmp_path: Path,
    decode: Decode,
    stages: dict[PayloadMode, Publish],
    mode: PayloadMode,
    fps: float,
    start_s: float,
    end_s: float,
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", int(2 * fps), fps=fps)

    sample = published(stages[mode], ready(decode, path, start_s, end_s))

    first = math.ceil(start_s * fps - 1e-6)
    last = math.ceil(end_s * fps - 1e-6) - 1
    count = math.floor(24 * min((last + 1) / fps - first / fps, end_s - first / fps) + 0.5 + 1e-6)
    expected = [math.floor(first + (number + 0.5) / 24 * fps + 1e-6) for number in range(count)]
    images = decoded_images(bytes_of(sample))
    assert [read_barcode(image) for image in images] == [min(frame, last) for frame in expected]
    assert sample.num_frames == len(images)
    assert (sample.height, sample.width) == images[0].shape[:2] == (144, 256)
    assert sample.fps == 24.0
    assert sample.video_start_s == 0.0
    assert sample.num_frames >= Bucket.parse(sample.bucket).frames


def test_an_exact_cut_of_a_variable_frame_rate_shows_each_moment(
    tmp_path: Path, decode: Decode, stages: dict[PayloadMode, Publish]
) -> None:
    times_s = np.concatenate([np.arange(30) / 30, 1 + np.arange(8) / 8])
    path = write_barcodes(tmp_path / "a.mp4", 38, times_s=times_s.tolist())

    sample = published(stages[PayloadMode.EXACT], ready(decode, path))

    middles_s = (np.arange(sample.num_frames) + 0.5) / 24
    expected = [int(np.flatnonzero(times_s <= middle_s)[-1]) for middle_s in middles_s]
    found = [read_barcode(image) for image in decoded_images(bytes_of(sample))]
    assert found == expected
    assert sample.num_frames in {47, 48}


def test_an_exact_cut_is_constant_rate_h264_with_a_key_frame_every_second(
    tmp_path: Path, decode: Decode, stages: dict[PayloadMode, Publish]
) -> None:
    sample = published(stages[PayloadMode.EXACT], ready(decode, write_barcodes(tmp_path / "a.mkv", 72)))

    with av.open(io.BytesIO(bytes_of(sample)), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 24
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx((np.arange(72) / 24).tolist())
    keys = [frame.time or 0.0 for frame in frames if frame.key_frame]
    assert keys[0] == 0.0
    assert np.diff(keys).max() <= 1.0


def test_an_exact_cut_keeps_the_middle_and_the_proportions(tmp_path: Path, decode: Decode) -> None:
    stage = Publish(PublishConfig(mode=PayloadMode.EXACT), (Bucket(17, 144, 144),))
    path = write_barcodes(tmp_path / "a.mp4", 24)

    sample = published(stage, ready(decode, path))
    stage.close()

    source = decoded_images(path)[11]
    image = decoded_images(bytes_of(sample))[11]
    assert image.shape == (144, 144, 3)
    # The picture is scaled from 180 to 144 lines, so the crop shows the middle 180 of 320 columns.
    middle = source[90, 70:250].astype(int).mean(axis=1)
    assert np.abs(image[72, ::4].astype(int).mean(axis=1) - middle[2::5]).mean() < 12


def test_a_span_dataset_points_into_the_source(
    tmp_path: Path, decode: Decode, stages: dict[PayloadMode, Publish]
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 48)

    sample = published(stages[PayloadMode.SPAN], ready(decode, path, 0.5, 1.5))

    assert sample.video == Payload(path=str(path))
    assert sample.video_start_s == 0.5
    assert (sample.num_frames, sample.height, sample.width) == (24, 180, 320)
    assert sample.fps == pytest.approx(24.0)


def test_a_file_too_large_for_a_shard_names_the_other_modes(tmp_path: Path, decode: Decode) -> None:
    stage = Publish(PublishConfig(max_copy_bytes=1000))
    clip = ready(decode, write_barcodes(tmp_path / "a.mp4", 24))

    with pytest.raises(ClipError, match=r"at most 1000; publish it as `exact` or `span`") as caught:
        stage.score([clip])

    assert caught.value.kind is FailureKind.INPUT


def test_a_source_that_vanished_is_a_failure_that_may_pass(tmp_path: Path, decode: Decode) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 24)
    clip = ready(decode, path)
    path.unlink()

    with pytest.raises(ClipError, match=r"cannot be copied") as caught:
        Publish(PublishConfig()).score([clip])

    assert caught.value.kind is FailureKind.IO


def test_a_source_that_changed_since_it_was_decoded_is_a_failure_that_may_pass(tmp_path: Path, decode: Decode) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 24)
    clip = ready(decode, path)
    write_barcodes(path, 24, fps=12.0)

    with pytest.raises(ClipError, match=r"a\.mp4: its content is another than the one that was decoded") as caught:
        Publish(PublishConfig()).score([clip])

    assert caught.value.kind is FailureKind.IO


def test_a_clip_that_fills_no_bucket_is_not_published(tmp_path: Path, decode: Decode) -> None:
    clip = ready(decode, write_barcodes(tmp_path / "a.mp4", 12))

    with pytest.raises(ClipError, match="fill no bucket"):
        Publish(PublishConfig()).score([clip])


@pytest.mark.parametrize("mode", PayloadMode)
def test_what_is_heard_is_measured_whichever_way_the_clip_is_published(
    tmp_path: Path, decode: Decode, stages: dict[PayloadMode, Publish], mode: PayloadMode
) -> None:
    silent = write_barcodes(tmp_path / "silent.mp4", 60, fps=24.0)
    times_s = np.arange(2 * 48_000) / 48_000
    tone = 0.1 * np.sin(2 * np.pi * 997 * times_s) * (times_s < 1.5)  # a second and a half of it at -20 dB
    loud = add_sound(silent, tmp_path / "loud.mp4", tone.astype(np.float32))

    heard, unheard, part = (
        published(stages[mode], ready(decode, path, *span))
        for path, span in ((loud, ()), (silent, ()), (loud, (1.0, 2.0)))
    )

    # -23.01 for the tone; of 15 blocks that count, three are part silent.
    assert heard.scores.loudness_lufs == pytest.approx(-23.01 + 10 * math.log10(13.5 / 15), abs=0.2)
    assert heard.scores.silence == pytest.approx(0.4, abs=0.06)
    assert part.scores.silence == pytest.approx(0.5, abs=0.11)
    assert (unheard.scores.loudness_lufs, unheard.scores.silence) == (None, None)


def add_sound(path: Path, target: Path, samples: npt.NDArray[np.float32]) -> Path:
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        stream = output.add_stream_from_template(video)
        track: Any = output.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
        output.mux([*track.encode(frame), *track.encode(None)])
    return target
