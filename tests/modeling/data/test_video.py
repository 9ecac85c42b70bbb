from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from dataset_schema import Bucket
from modeling.data.video import decode_clip, write_video

BUCKET = Bucket(17, 64, 112)


def counting_video(path: Path, *, frames: int, fps: float, size: tuple[int, int] = (64, 112)) -> Path:
    """A video whose frame i is grey of brightness 4 i + 16."""
    greys = np.arange(frames, dtype=np.uint8) * 4 + 16
    write_video(path, np.broadcast_to(greys[:, None, None, None], (frames, *size, 3)), fps=float(fps))
    return path


def counting_avi(path: Path, *, frames: int) -> Path:
    """The same at 24 frames per second in AVI, with frames that are stored before earlier ones."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"bf": "3", "b_strategy": "0", "crf": "2"})
        stream.width, stream.height, stream.pix_fmt = 112, 64, "yuv420p"
        for index in range(frames):
            image = np.full((64, 112, 3), index * 4 + 16, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def uneven_video(path: Path) -> Path:
    """Half a second of film, then of a camera in the dark, then of sports: 24, 5 and 50 frames a second."""
    times_s = [*(k / 24 for k in range(12)), *(0.5 + k / 5 for k in range(3)), *(1.1 + k / 50 for k in range(70))]
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"bf": "3", "crf": "2"})
        stream.width, stream.height, stream.pix_fmt = 112, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 12800)
        for index, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(np.full((64, 112, 3), index * 2 + 16, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time_s * 12800), Fraction(1, 12800)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def frame_numbers(video: np.ndarray) -> list[int]:
    return [round(float(frame.mean() - 16) / 4) for frame in video]


def test_what_is_written_is_read_back(tmp_path: Path, moving_shape: Callable[[Bucket], torch.Tensor]) -> None:
    video = moving_shape(BUCKET)[0].numpy()
    write_video(tmp_path / "clip.mp4", video)

    decoded = decode_clip(tmp_path / "clip.mp4", BUCKET)

    assert decoded.shape == video.shape
    assert np.abs(decoded.astype(int) - video).mean() < 3


def test_bytes_and_path_give_the_same_clip(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=17, fps=24.0)

    assert np.array_equal(decode_clip(path, BUCKET), decode_clip(path.read_bytes(), BUCKET))


@pytest.mark.parametrize("fps", [12, 24, 30, 48])
def test_each_frame_is_the_one_on_show_in_the_middle_of_its_24th_of_a_second(tmp_path: Path, fps: int) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=fps, fps=float(fps))

    numbers = frame_numbers(decode_clip(path, BUCKET))

    assert numbers == [int((k + 0.5) / 24 * fps) for k in range(17)]


def test_at_another_pace_each_frame_is_the_one_on_show_in_the_middle_of_its_time(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=48, fps=24.0)

    numbers = frame_numbers(decode_clip(path, BUCKET, fps=16.0))

    assert numbers == [int((k + 0.5) / 16 * 24) for k in range(17)]
    with pytest.raises(ValueError, match=r"has 1\d frames at 16 frames per second after 1.25 s, expected 17"):
        decode_clip(path, BUCKET, start_s=1.25, fps=16.0)


def test_a_span_starts_at_its_presentation_time(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=58, fps=24.0)

    numbers = frame_numbers(decode_clip(path, BUCKET, start_s=1.5))

    assert numbers == list(range(36, 53))


@pytest.mark.parametrize("start_s", [0.0, 1.5])
def test_reordered_frames_of_avi_come_in_the_order_of_display(tmp_path: Path, start_s: float) -> None:
    path = counting_avi(tmp_path / "clip.avi", frames=58)

    numbers = frame_numbers(decode_clip(path, BUCKET, start_s=start_s))

    assert numbers == [round(24 * start_s) + k for k in range(17)]


@pytest.mark.parametrize(
    ("fps", "start_s"),
    [*((fps, 0.0) for fps in (5, 10, 23.976, 24, 25, 30, 50, "uneven")), (10, 0.5), (24, 0.5), ("uneven", 0.5)],
)
def test_a_window_is_a_part_of_the_whole_clip(tmp_path: Path, fps: float | str, start_s: float) -> None:
    path = tmp_path / "clip.mp4"
    if isinstance(fps, str):
        uneven_video(path)
    else:
        counting_video(path, frames=int(2.5 * fps), fps=fps)
    whole = decode_clip(path, Bucket(41, 64, 112), start_s=start_s)

    for window in range(1, 25):
        shown = decode_clip(path, BUCKET, start_s=start_s, window_s=window / 24)
        assert np.array_equal(shown, whole[window : window + 17]), window


def test_a_clip_that_ends_before_its_bucket_is_full_is_an_error(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=15, fps=24.0)

    with pytest.raises(ValueError, match="expected 17"):
        decode_clip(path, BUCKET)


def test_a_last_frame_cut_short_by_rounding_is_stretched(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=16, fps=24.0)

    assert frame_numbers(decode_clip(path, BUCKET))[-1] == 15


@pytest.mark.parametrize("size", [(128, 300), (200, 224)])
def test_a_larger_clip_is_scaled_to_cover_the_bucket_and_cropped_around_its_centre(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    height, width = size
    image = np.zeros((height, width, 3), np.uint8)
    image[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20] = 255
    write_video(tmp_path / "clip.mp4", np.broadcast_to(image, (17, *image.shape)))

    frame = decode_clip(tmp_path / "clip.mp4", BUCKET)[8].mean(axis=2)

    scale = max(64 / height, 112 / width)
    rows, columns = (frame > 128).any(axis=1).nonzero()[0], (frame > 128).any(axis=0).nonzero()[0]
    assert rows.mean() == pytest.approx(31.5, abs=1)
    assert columns.mean() == pytest.approx(55.5, abs=1)
    assert len(rows) == pytest.approx(40 * scale, abs=2)
    assert len(columns) == pytest.approx(40 * scale, abs=2)


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_what_is_no_video_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_clip(content, BUCKET)


def test_a_packet_that_was_damaged_since_curation_is_an_error(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=17, fps=24.0)
    with av.open(path, "r") as container:
        packet = [packet for packet in container.demux() if packet.size][5]
    start = packet.pos or 0
    content = bytearray(path.read_bytes())
    content[start : start + packet.size] = bytes(packet.size)

    with pytest.raises(ValueError, match="packets that are not valid: 1"):
        decode_clip(bytes(content), BUCKET)


def test_a_span_between_two_frames_begins_with_the_later_one(tmp_path: Path) -> None:
    path = counting_video(tmp_path / "clip.mp4", frames=58, fps=24.0)

    numbers = frame_numbers(decode_clip(path, BUCKET, start_s=36.3 / 24))

    assert numbers == list(range(37, 54))


def test_the_folder_of_a_video_need_not_be_there(tmp_path: Path) -> None:
    write_video(tmp_path / "out" / "clip.mp4", np.zeros((2, 32, 48, 3), np.uint8))

    assert (tmp_path / "out" / "clip.mp4").stat().st_size


@pytest.mark.parametrize("size", [(33, 48), (32, 47)])
def test_odd_sides_which_players_do_not_open_are_not_written(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"video is {size[0]}x{size[1]} .*expected even sides"):
        write_video(tmp_path / "clip.mp4", np.zeros((5, *size, 3), np.uint8))
    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize("fps", [0.0, -3.0, float("nan"), float("inf")])
def test_a_pace_that_is_none_is_refused_before_a_file_is_made(tmp_path: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="expected a positive number of frames a second"):
        write_video(tmp_path / "clip.mp4", np.zeros((5, 32, 48, 3), np.uint8), fps=fps)

    assert not (tmp_path / "clip.mp4").exists()


@pytest.mark.parametrize("size", [(64, 112), (720, 1280)])
def test_what_is_written_is_read_in_the_same_colors_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    color = np.array([200, 40, 30], np.uint8)
    write_video(tmp_path / "clip.mp4", np.broadcast_to(color, (5, *size, 3)))

    found = decode_clip(tmp_path / "clip.mp4", Bucket(5, *size))

    assert np.abs(found.astype(int) - color).max() <= 3
    reader = cv2.VideoCapture(str(tmp_path / "clip.mp4"))
    is_read, other = reader.read()
    assert is_read
    assert np.abs(other[:, :, ::-1].astype(int) - color).max() <= 3
