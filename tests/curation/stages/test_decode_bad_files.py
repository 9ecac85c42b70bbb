"""Files that are not videos, are broken, or would do harm: each ends in one outcome, with a reason that is true."""

import csv
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curation.records import Clip, Image
from curation.stage import ClipError
from curation.stages.decode import Decode, DecodeConfig
from curation.video.child import ChildConfig
from dataset_schema import Bucket, FailureKind
from tests.curation.deciding import reasons_of
from tests.curation.made_videos import add_audio, add_video, barcode, clip_of, write_barcodes, write_video

MEDIA = Path(__file__).resolve().parents[4] / "shared" / "media"


@pytest.fixture(scope="module")
def stage() -> Iterator[Decode]:
    stage = Decode(DecodeConfig())
    yield stage
    stage.close()


def noise(index: int, height: int = 180, width: int = 320) -> Image:
    """A picture that compresses badly, so that damage hits every part of a file."""
    rng = np.random.default_rng(index)
    return np.kron(rng.integers(0, 255, (height // 4, width // 4, 3)), np.ones((4, 4, 1))).astype(np.uint8)


def write_noise(path: Path, count: int, **settings: Any) -> Path:
    return write_video(path, (noise(index) for index in range(count)), **settings)


def write_audio(path: Path, *, cover: bool = False) -> Path:
    with av.open(path, "w") as output:
        sound = add_audio(output, "mp3" if path.suffix == ".mp3" else "aac")
        picture = None
        if cover:
            picture = add_video(output, codec="mjpeg", pix_fmt="yuvj420p")
            picture.disposition = av.stream.Disposition.attached_pic
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, number * 1152
            output.mux(sound.encode(frame))
        output.mux(sound.encode())
        if picture is not None:
            output.mux(picture.encode(av.VideoFrame.from_ndarray(barcode(5), format="rgb24")))
    return path


def write_text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def write_picture(path: Path) -> Path:
    with av.open(path, "w", format="image2") as output:
        stream = add_video(output, codec="png", pix_fmt="rgb24")
        output.mux(stream.encode(av.VideoFrame.from_ndarray(barcode(5), format="rgb24")))
        output.mux(stream.encode())
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def write_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def without_media_data(path: Path) -> Path:
    """A sound header, and nothing but zeros behind it."""
    content = bytearray(write_noise(path, 24).read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    return write_bytes(path, bytes(content))


def cut_off(path: Path, share: float) -> Path:
    content = path.read_bytes()
    return write_bytes(path, content[: int(len(content) * share)])


NOT_VIDEOS: dict[str, tuple[Callable[[Path], Path], FailureKind, str]] = {
    "missing.mp4": (lambda path: path, FailureKind.INPUT, "no such file"),
    "folder.mp4": (make_folder, FailureKind.INPUT, "not a regular file"),
    "pipe.mp4": (write_pipe, FailureKind.INPUT, "not a regular file"),
    "empty.mp4": (lambda path: write_bytes(path, b""), FailureKind.INPUT, "0 bytes"),
    "error_page.mp4": (lambda path: write_text(path, "<html><body>404</body></html>"), FailureKind.INPUT, "<html>"),
    "notes.txt": (lambda path: write_text(path, "a dog runs\n" * 50), FailureKind.INPUT, "text"),
    "list.m3u8": (
        lambda path: write_text(path, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/hostname\n"),
        FailureKind.INPUT,
        "",
    ),
    "random.mp4": (
        lambda path: write_bytes(path, np.random.default_rng(0).bytes(50_000)),
        FailureKind.CORRUPT,
        "cannot be opened",
    ),
    "picture.mp4": (write_picture, FailureKind.INPUT, "single picture (png)"),
    "sound.m4a": (write_audio, FailureKind.INPUT, "only audio"),
    "sound_with_cover.mp3": (
        lambda path: write_audio(path, cover=True),
        FailureKind.INPUT,
        "only audio and a cover picture",
    ),
    "without_index.mp4": (lambda path: cut_off(write_noise(path, 24), 0.5), FailureKind.CORRUPT, "moov"),
    "without_media_data.mp4": (without_media_data, FailureKind.CORRUPT, "none of its 24 frames"),
}


@pytest.mark.parametrize("name", NOT_VIDEOS)
def test_what_is_not_a_video_fails_with_the_true_reason(tmp_path: Path, stage: Decode, name: str) -> None:
    make, kind, words = NOT_VIDEOS[name]
    path = make(tmp_path / name)

    with pytest.raises(ClipError) as caught:
        stage.score([clip_of(path)])

    assert caught.value.kind is kind
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def reasons(stage: Decode, path: Path, start_s: float | None = None, end_s: float | None = None) -> dict[str, str]:
    (clip,) = stage.score([clip_of(path, start_s, end_s)])
    return {reason.reason: reason.detail for reason in reasons_of(stage, clip)}


def test_a_file_whose_end_is_missing_is_flagged_but_not_a_sound_span_of_it(tmp_path: Path, stage: Decode) -> None:
    path = write_noise(tmp_path / "a.mkv", 96, key_frame_every=12, options={"bf": "0", "threads": "1"})
    cut_off(path, 0.5)

    assert "of the 4.00 s that its header declares" in reasons(stage, path)["damaged"]
    assert reasons(stage, path, 0.25, 1.25) == {}


def test_a_frame_count_below_that_of_the_index_is_flagged(tmp_path: Path, stage: Decode) -> None:
    path = write_noise(tmp_path / "a.mp4", 48)
    content = path.read_bytes()
    index = content[content.index(b"moov") - 4 :]
    media = content[: content.index(b"moov") - 4]
    shift = len(index)
    path.write_bytes(b"")  # the index moves to the front, as on a web server; then the end of the file is lost
    path.write_bytes(_in_front(media, index, shift))
    cut_off(path, 0.6)

    detail = reasons(stage, path)["damaged"]

    assert "of the 48 frames that its header declares are in the file" in detail


def _in_front(media: bytes, index: bytes, shift: int) -> bytes:
    table = index.index(b"stco") + 8
    count = int.from_bytes(index[table : table + 4], "big")
    moved = bytearray(index)
    for place in range(table + 4, table + 4 + 4 * count, 4):
        offset = int.from_bytes(index[place : place + 4], "big") + shift
        moved[place : place + 4] = offset.to_bytes(4, "big")
    start = media.index(b"mdat") - 4
    return media[:start] + bytes(moved) + media[start:]


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
def test_bytes_that_were_changed_on_the_way_are_flagged(tmp_path: Path, stage: Decode, where: float) -> None:
    path = write_noise(tmp_path / "a.mp4", 48, key_frame_every=12)
    content = bytearray(path.read_bytes())
    start = int(len(content) * where)
    content[start : start + 600] = np.random.default_rng(1).bytes(600)
    path.write_bytes(content)

    assert "damaged" in reasons(stage, path)


@pytest.mark.parametrize("seed", [20, 21])
def test_damage_is_the_same_however_often_a_file_is_opened(tmp_path: Path, stage: Decode, seed: int) -> None:
    path = write_noise(tmp_path / "a.mp4", 24, key_frame_every=12)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    content[int(len(content) * rng.uniform(0.05, 0.9))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)

    first, second = reasons(stage, path), reasons(stage, path)

    assert "errors reported by the decoder" in first["damaged"]
    assert first == second


def test_frames_that_change_their_size_are_flagged(tmp_path: Path, stage: Decode) -> None:
    small = write_noise(tmp_path / "small.h264", 24, container="h264").read_bytes()
    images = (noise(index, 360, 640) for index in range(24))
    large = write_video(tmp_path / "large.h264", images, container="h264").read_bytes()
    path = write_bytes(tmp_path / "both.h264", small + large)

    assert "320x180, 640x360" in reasons(stage, path)["damaged"]


@pytest.mark.parametrize(
    ("count", "size", "code", "words"),
    [
        (1, (180, 320), "too_short", "1 frames, at least 17"),
        (16, (180, 320), "too_short", "16 frames"),
        (48, (120, 320), "too_small", "320x120"),
        (48, (180, 200), "too_small", "200x180"),
    ],
)
def test_clips_that_fill_no_bucket_are_rejected_with_numbers(
    tmp_path: Path, stage: Decode, count: int, size: tuple[int, int], code: str, words: str
) -> None:
    path = write_video(tmp_path / "a.mp4", (barcode(index + 1, *size) for index in range(count)))

    found = reasons(stage, path)

    assert set(found) == {code}
    assert words in found[code]


def test_a_slideshow_is_no_moving_picture_however_long_it_lasts(tmp_path: Path, stage: Decode) -> None:
    short, long = (write_barcodes(tmp_path / f"{count}.mp4", count, fps=1.0) for count in (10, 40))

    assert set(reasons(stage, short)) == {"too_short", "gap"}
    assert set(reasons(stage, long)) == {"gap"}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("pause_s", "codes"), [(0.4, set()), (0.6, {"gap"}), (60.0, {"gap"})])
def test_a_clip_whose_pictures_stop_for_a_while_is_rejected(
    tmp_path: Path, stage: Decode, suffix: str, pause_s: float, codes: set[str]
) -> None:
    times_s = [*(index / 24 for index in range(30)), *(29 / 24 + pause_s + index / 24 for index in range(30))]
    path = write_barcodes(tmp_path / f"a{suffix}", 60, times_s=times_s)

    found = reasons(stage, path)

    assert set(found) == codes
    assert not codes or f"shown for {pause_s:.2f} s" in found["gap"]


def test_a_part_without_the_gap_is_kept(tmp_path: Path, stage: Decode) -> None:
    times_s = [*(index / 24 for index in range(30)), *(60 + index / 24 for index in range(30))]
    path = write_barcodes(tmp_path / "a.mp4", 60, times_s=times_s)

    before, after = (stage.score([clip_of(path, *span)])[0] for span in ((0.0, 1.2), (60.0, 61.2)))

    assert (reasons_of(stage, before), reasons_of(stage, after)) == ((), ())


def test_five_frames_per_second_are_a_moving_picture(tmp_path: Path, stage: Decode) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 20, fps=5.0)

    assert reasons(stage, path) == {}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_clip_of_one_color_is_blank(tmp_path: Path, stage: Decode, level: int) -> None:
    path = write_video(tmp_path / "a.mp4", (np.full((180, 320, 3), level, np.uint8) for _ in range(24)))

    assert set(reasons(stage, path)) == {"blank"}


def test_a_clip_with_one_picture_among_black_frames_is_not_blank(tmp_path: Path, stage: Decode) -> None:
    path = write_video(tmp_path / "a.mp4", (barcode(341 * (index == 20)) for index in range(24)))

    assert reasons(stage, path) == {}


def test_only_a_glance_is_taken_at_a_clip_that_is_too_long(tmp_path: Path) -> None:
    stage = Decode(DecodeConfig(max_duration_s=4.0))
    path = write_barcodes(tmp_path / "a.mp4", 120)

    (clip,) = stage.score([clip_of(path)])
    stage.close()

    assert clip.media is not None
    assert clip.frames is not None
    assert clip.media.duration_s == pytest.approx(5.0)
    assert len(clip.frames.times_s) == 48
    (reason,) = reasons_of(stage, clip)
    assert reason.reason == "too_long"
    assert "5.0 s long, at most 4 s" in reason.detail


def test_frames_that_are_too_large_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    stage = Decode(DecodeConfig(max_pixels=300 * 180))
    path = write_barcodes(tmp_path / "a.mp4", 24)

    with pytest.raises(ClipError, match=r"320 x 180 = 0\.1 million pixels, at most 0\.1") as caught:
        stage.score([clip_of(path)])
    stage.close()

    assert caught.value.kind is FailureKind.INPUT


def test_a_file_that_needs_too_much_memory_fails_and_the_next_one_is_decoded(tmp_path: Path) -> None:
    stage = Decode(DecodeConfig(max_pixels=1 << 30, child=ChildConfig(memory_bytes=256 << 20)))
    huge = write_video(
        tmp_path / "huge.avi",
        [np.zeros((8000, 10000, 3), np.uint8)],
        codec="mjpeg",
        pix_fmt="yuvj444p",
        options={"a": "b"},
    )
    sound = write_barcodes(tmp_path / "sound.mp4", 24)

    with pytest.raises(ClipError) as caught:
        stage.score([clip_of(huge)])
    (clip,) = stage.score([clip_of(sound)])
    stage.close()

    assert caught.value.kind is FailureKind.MEMORY
    assert "256 MiB" in str(caught.value)
    assert clip.media is not None
    assert clip.media.decoded_frames == 24


def test_a_file_that_takes_too_long_fails(tmp_path: Path) -> None:
    slow = write_barcodes(tmp_path / "slow.mp4", 480)
    hasty = Decode(DecodeConfig(child=ChildConfig(timeout_s=0.02)))

    with pytest.raises(ClipError) as caught:
        hasty.score([clip_of(slow)])
    hasty.close()

    assert caught.value.kind is FailureKind.TIMEOUT
    assert "no answer within 0.02 s" in str(caught.value)


def test_a_copy_of_the_stage_in_another_process_works_the_same(tmp_path: Path, stage: Decode) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 24)
    copy = pickle.loads(pickle.dumps(Decode(DecodeConfig())))

    (theirs,) = copy.score([clip_of(path)])
    (ours,) = stage.score([clip_of(path)])
    copy.close()

    assert theirs.frames is not None
    assert ours.frames is not None
    assert theirs.media == ours.media
    np.testing.assert_array_equal(theirs.frames.thumbnails, ours.frames.thumbnails)


def test_deciding_again_with_other_buckets_needs_no_file(tmp_path: Path, stage: Decode) -> None:
    (clip,) = stage.score([clip_of(write_barcodes(tmp_path / "a.mp4", 24))])
    without_pictures: Clip = replace(clip, frames=None)
    stricter = Decode(DecodeConfig(), (Bucket(49, 144, 256),))

    assert reasons_of(stage, without_pictures) == ()
    assert [reason.reason for reason in reasons_of(stricter, without_pictures)] == ["too_short"]


# Counted in the same way where no collection of real files lies beside the project.
GENERATED = {"video": "generated.mp4", "frames_decoded": "31"}


def bad_media() -> list[dict[str, str]]:
    manifest = MEDIA / "bad-manifest.csv"
    if not manifest.is_file():
        return [GENERATED]
    with manifest.open(encoding="utf-8", newline="") as file:
        return [GENERATED, *csv.DictReader(file)]


# Frames that the manifest counts and this project does not: a cover picture, a picture, a frame of 134 million pixels.
NOT_DECODED = {"b07_mp3_with_cover.mp3", "b17_16384x8192_one_frame.mp4", "b33_png_named.mp4"}
# The manifest was made with an older FFmpeg, which decodes nothing of this one. The newer one gives sound pictures.
DECODED_SINCE = {"b67_real_H264_might_overflow.mkv": 3}
DAMAGED = {"b01", "b19", "b39", "b61", "b63", "b67", "b71", "b75", "b79"}


@pytest.mark.parametrize("row", bad_media(), ids=lambda row: row["video"])
def test_bad_files_give_the_frames_that_were_counted_elsewhere(
    stage: Decode, row: dict[str, str], tmp_path: Path
) -> None:
    name = row["video"]
    expected = DECODED_SINCE.get(name, int(row["frames_decoded"]))
    clip = clip_of(write_barcodes(tmp_path / name, expected) if row is GENERATED else MEDIA / "bad" / name)

    if expected == 0 or name in NOT_DECODED:
        with pytest.raises(ClipError):
            stage.score([clip])
        return
    (scored,) = stage.score([clip])

    assert scored.media is not None
    assert scored.media.decoded_frames == expected
    assert (scored.media.damage is not None) == (name[:3] in DAMAGED)
