"""An exact cut shows what its source shows, whatever is odd about the source, and says how its colors are coded."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from curation.records import Image
from tests.curation.made_videos import read_barcode
from tests.video_reading.odd_files import HEIGHT, ODD_FILES, WIDTH, OddFile
from video_reading.clip import open_clip
from video_reading.constant_pace import images_at_pace
from video_reading.cutting import cut_video
from video_reading.part import Span, VideoPart

# In levels of 255; what is measured is at most 2.1 in the colors, and 4.6 in pictures of which every second row was
# lost. The wrong matrix changes a color by 30.
COLOR_TOLERANCE = 4.0
PICTURE_TOLERANCE = 5.0


def part_of(path: Path, span_s: tuple[float, float] | None = None) -> VideoPart:
    start_s, end_s = span_s or (None, None)
    return VideoPart(file=path, span=Span(start_s=start_s, end_s=end_s))


def pictures(part: VideoPart, height: int, width: int) -> list[Image]:
    with open_clip(part) as clip:
        return list(images_at_pace(clip, fps=24, height=height, width=width))


def cut_pictures(part: VideoPart, folder: Path, height: int = HEIGHT, width: int = WIDTH) -> list[Image]:
    made = cut_video(part, fps=24, size=(height, width), keeps_sound=False)
    (folder / "cut.mp4").write_bytes(made.mp4)
    found = pictures(part_of(folder / "cut.mp4"), height, width)
    assert len(found) == made.num_frames
    return found


def quarters(image: Image) -> np.ndarray:
    """The color inside each quarter, away from what moves there."""
    height, width = image.shape[:2]
    rows = (slice(height // 72, height // 20), slice(-height // 20, -height // 72))
    columns = (slice(width // 64, width // 12), slice(-width // 12, -width // 64))
    return np.array([np.median(image[row, column], axis=(0, 1)) for row in rows for column in columns])


@pytest.mark.parametrize("file", ODD_FILES.values(), ids=ODD_FILES)
def test_a_cut_shows_what_a_viewer_sees(file: OddFile, tmp_path: Path) -> None:
    part = part_of(file.write(tmp_path), file.span_s)
    sources = pictures(part, HEIGHT, WIDTH)

    found = cut_pictures(part, tmp_path)

    assert len(found) == len(sources)
    for image, source in zip(found, sources, strict=True):
        index = read_barcode(image[3 * HEIGHT // 8 : 5 * HEIGHT // 8])
        assert index == read_barcode(source[3 * HEIGHT // 8 : 5 * HEIGHT // 8])
        np.testing.assert_allclose(quarters(image), quarters(source), atol=COLOR_TOLERANCE)
        assert np.abs(image.astype(int) - source).mean() < PICTURE_TOLERANCE


@pytest.mark.parametrize(("height", "number"), [(144, 6), (720, 1)])
@pytest.mark.parametrize("name", ["small with the matrix of large ones", "full range"])
def test_colors_are_the_same_for_who_reads_the_tags_and_for_who_guesses(
    tmp_path: Path, name: str, height: int, number: int
) -> None:
    part, width = part_of(ODD_FILES[name].write(tmp_path)), height * 16 // 9

    found = cut_pictures(part, tmp_path, height, width)

    expected = quarters(pictures(part, HEIGHT, WIDTH)[3])
    np.testing.assert_allclose(quarters(found[3]), expected, atol=COLOR_TOLERANCE)
    with av.open(str(tmp_path / "cut.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert [context.colorspace, context.color_primaries, context.color_trc] == [number] * 3
        assert context.color_range == 1
    untagged = remuxed_without_tags(tmp_path / "cut.mp4")
    np.testing.assert_allclose(quarters(pictures(untagged, height, width)[3]), expected, atol=COLOR_TOLERANCE)


def remuxed_without_tags(path: Path) -> VideoPart:
    """The same pictures, and nothing said of their colors; decoded and coded again as they are."""
    target = path.with_name("untagged.mp4")
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        stream = output.add_stream("libx264", rate=24, options={"crf": "8"})
        stream.height, stream.width, stream.pix_fmt = video.height, video.width, "yuv420p"
        for frame in source.decode(video):
            frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 2, 2, 2, 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return part_of(target)


def test_a_cut_of_another_shape_is_cropped_around_its_centre(tmp_path: Path) -> None:
    part = part_of(ODD_FILES["ordinary"].write(tmp_path))

    for height, width in ((144, 128), (64, 144), (146, 98)):
        for image, source in zip(
            cut_pictures(part, tmp_path, height, width), pictures(part, height, width), strict=True
        ):
            assert np.abs(image.astype(int) - source).mean() < PICTURE_TOLERANCE


def test_the_encoder_chooses_its_key_frames_and_there_is_one_every_second(tmp_path: Path) -> None:
    path = ODD_FILES["a span"].write(tmp_path)

    made = cut_video(part_of(path), fps=24, size=(HEIGHT, WIDTH), keeps_sound=False)

    with av.open(io.BytesIO(made.mp4), "r") as container:
        keys = [packet.pts for packet in container.demux(video=0) if packet.is_keyframe and packet.pts is not None]
        tick_s = float(container.streams.video[0].time_base or 0)
    assert [round(pts * tick_s, 3) for pts in keys] == [0, 1, 2]
