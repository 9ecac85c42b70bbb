from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from picture_reading.opening import PictureSource, open_picture
from tests.picture_reading.made_pictures import png, saved, tiff

RAMP = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
PICTURE = Image.fromarray(RAMP)


def test_a_path_its_content_an_image_and_an_array_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "with blanks [1].png"
    PICTURE.save(path)

    opened = [open_picture(source) for source in (path, str(path), path.read_bytes(), PICTURE, RAMP)]

    assert {(each.mode, each.size) for each in opened} == {("RGBA", (60, 40))}
    assert all(np.array_equal(np.asarray(each)[..., :3], RAMP) for each in opened)


def test_an_array_may_have_transparency_or_be_grey() -> None:
    grey = RAMP[..., 0]

    assert np.array_equal(np.asarray(open_picture(np.dstack([RAMP, grey]))), np.dstack([RAMP, grey]))
    assert np.array_equal(np.asarray(open_picture(grey))[..., 1], grey)


@pytest.mark.parametrize("file_format", ["WEBP", "PNG", "GIF"])
def test_of_an_animated_picture_the_first_frame_is_shown(file_format: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    content = saved(frames[0], file_format, save_all=True, append_images=frames[1:])

    red, green, blue, alpha = open_picture(content).getpixel((4, 4))  # type: ignore[misc]

    assert (red > 250, green < 5, blue < 5, alpha) == (True, True, True, 255)


def test_what_is_no_picture_is_told_with_its_path_and_what_was_expected(tmp_path: Path) -> None:
    files: dict[str, tuple[bytes, str]] = {
        "empty.png": (b"", "is empty, expected a picture such as a PNG, JPEG or WebP file"),
        "note.png": (b"not a picture", "is no picture that can be opened, expected a picture such as"),
        "clip.mp4": (b"\0\0\0\x20ftypisom\0\0", "is a video; expected a picture, such as one of its frames"),
        "phone.heic": (
            b"\0\0\0\x24ftypheic\0\0",
            "is a HEIC picture, which cannot be opened here; save it as JPEG or PNG",
        ),
        "drawing.svg": (b"<svg xmlns=''/>", "is a drawing in SVG, expected pixels; export it as PNG"),
        "half.png": (saved(PICTURE, "PNG")[:300], "cannot be decoded (image file is truncated"),
        "half.jpg": (saved(PICTURE, "JPEG")[:900], "cannot be decoded (image file is truncated"),
        "no_pixels.png": (png((0, 0), 8, 0, []), "is no picture that can be opened"),
    }
    for name, (content, problem) in files.items():
        (tmp_path / name).write_bytes(content)

        assert sentence(tmp_path / name).startswith(f"{tmp_path / name} {problem}")


def test_a_path_without_a_file_is_told() -> None:
    folder = Path(__file__).parent

    assert sentence(folder / "nothing.png") == (
        f"{folder / 'nothing.png'} does not exist, expected a picture such as a PNG, JPEG or WebP file"
    )
    assert sentence("https://example.org/cat.png").endswith("; download it first")
    assert sentence(folder) == f"{folder} is a folder, expected a picture such as a PNG, JPEG or WebP file"
    assert sentence(Path(__file__) / "a.png").startswith(f"{Path(__file__) / 'a.png'} cannot be read (Not a directory)")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (None, "is a NoneType, expected the path of a file, a PIL image or a numpy array"),
        ([PICTURE], "is a list, expected the path"),
        (
            np.zeros((4, 4, 3)),
            "is an array of float64 with the shape (4, 4, 3), expected uint8 from 0 to 255 and (height,",
        ),
        (np.zeros((3, 8, 9), np.uint8), "is an array of uint8 with the shape (3, 8, 9), expected"),
        (np.zeros((1, 4, 4, 3), np.uint8), "is an array of uint8 with the shape (1, 4, 4, 3), expected"),
        (np.zeros((0, 5, 3), np.uint8), "is an array of uint8 with the shape (0, 5, 3), expected"),
        (Image.new("RGB", (5, 0)), "has 5 x 0 pixels, expected at least one"),
        (Image.new("RGBA", (4, 4)), "is transparent everywhere, expected a picture that shows something"),
        (
            Image.new("F", (4, 4), 0.5),
            "has 32-bit numbers, and nobody knows which of them is white; save it with 8 or 16",
        ),
        (tiff(b"\0\0\0\1" * 2, width=2, bits=32, photometric=1), "has 32-bit numbers"),
        (png((20000, 10000), 1, 0, [b""]), "is too large (Image size (200000000 pixels) exceeds limit of"),
    ],
)
def test_what_shows_nothing_is_told(source: Any, problem: str) -> None:
    assert sentence(source).startswith(f"the picture {problem}")


def test_an_image_whose_file_was_closed_is_told(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "cat.png")
    with Image.open(tmp_path / "cat.png") as image:
        pass

    assert sentence(image).startswith("the picture cannot be decoded")


def test_a_picture_is_not_longer_than_8192_pixels(tmp_path: Path) -> None:
    strip = np.zeros((4, 60000, 3), np.uint8)
    strip[:, 30000:] = 200

    shown = open_picture(strip)

    assert shown.size == (7500, 1)
    assert [shown.getpixel((x, 0)) for x in (0, 7499)] == [(0, 0, 0, 255), (200, 200, 200, 255)]
    assert open_picture(np.zeros((4, 8192, 3), np.uint8)).size == (8192, 4)


@pytest.mark.filterwarnings("ignore")  # Pillow's, about damage that it can mend
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "QOI"])
def test_a_damaged_file_is_a_picture_or_a_value_error(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    options: dict[str, Any] = {"exif": exif} if file_format in ("PNG", "JPEG", "WEBP") else {}
    whole = saved(PICTURE.convert("P") if file_format == "GIF" else PICTURE, file_format, **options)

    @given(
        st.integers(0, len(whole)), st.dictionaries(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=1))
    )
    def damaged(length: int, changes: dict[int, bytes]) -> None:
        content = bytearray(whole)
        for place, byte in changes.items():
            content[place : place + 1] = byte
        with suppress(ValueError):
            assert open_picture(bytes(content[:length])).mode == "RGBA"

    damaged()


def sentence(source: PictureSource) -> str:
    """What is said of a picture that cannot be opened."""
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as error:
        open_picture(source)
    return str(error.value)
