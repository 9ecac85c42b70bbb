import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from picture_reading.opening import open_picture
from picture_reading.showing import on_white
from tests.picture_reading.made_pictures import SRGB_COLUMNS, color_profile, png, saved, stored_with, tiff

CORNERS = np.zeros((32, 48, 3), np.uint8)
CORNERS[:16, :16] = (220, 30, 30)
CORNERS[16:, 32:] = (30, 30, 220)

# A pixel to see and one to see through, as (RGB, alpha) where the color below the transparent one is black.
SEEN_AND_UNSEEN = {
    "RGBA": png((2, 1), 8, 6, [bytes([200, 100, 0, 255, 0, 0, 0, 0])]),
    "16 bits of RGBA": png((2, 1), 16, 6, [b"\xc8\xc8\x64\x64\0\0\xff\xff" + bytes(8)]),
    "RGB and a color": png((2, 1), 8, 2, [bytes([200, 100, 0, 0, 0, 0])], tRNS=bytes(6)),
    "palette and alphas": png((2, 1), 8, 3, [bytes([0, 1])], PLTE=bytes([200, 100, 0, 0, 0, 0]), tRNS=b"\xff\0"),
    "palette of 1 bit": png((2, 1), 1, 3, [b"\x40"], PLTE=bytes([200, 100, 0, 0, 0, 0]), tRNS=b"\xff\0"),
}
SEEN_AND_UNSEEN_GREY = {
    "grey and alpha": png((2, 1), 8, 4, [bytes([85, 255, 0, 0])]),
    "16 bits of grey and alpha": png((2, 1), 16, 4, [b"\x55\x55\xff\xff" + bytes(4)]),
    "grey and a grey": png((2, 1), 8, 0, [bytes([85, 17])], tRNS=b"\0\x11"),
    "4 bits and a grey": png((2, 1), 4, 0, [b"\x5f"], tRNS=b"\0\x0f"),
    "2 bits and a grey": png((2, 1), 2, 0, [b"\x60"], tRNS=b"\0\x02"),
    "16 bits and a grey": png((2, 1), 16, 0, [b"\x55\x55\x55\x56"], tRNS=b"\x55\x56"),
}


def pixels(source: Any) -> npt.NDArray[np.uint8]:
    return np.asarray(open_picture(source))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_picture_is_upright_whatever_its_orientation(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if file_format == "JPEG" else {"lossless": True}
    tags = {"tiffinfo": {0x0112: orientation}} if file_format == "TIFF" else {"exif": exif, **options}
    content = saved(Image.fromarray(stored_with(orientation, CORNERS)), file_format, **tags)

    shown = open_picture(content)

    assert np.abs(np.asarray(shown)[..., :3].astype(int) - CORNERS).max() <= 3
    assert np.array_equal(pixels(shown), np.asarray(shown))  # it is not turned again
    assert np.array_equal(pixels(Image.open(io.BytesIO(content))), np.asarray(shown))


def test_orientations_that_do_not_exist_and_damaged_ones_turn_nothing() -> None:
    for exif in (b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0", b"rubbish, and more"):
        content = png((2, 1), 8, 0, [b"\x01\x02"], eXIf=exif)

        assert pixels(content)[..., 0].tolist() == [[1, 2]]


@pytest.mark.parametrize("form", SEEN_AND_UNSEEN)
def test_every_form_of_transparency_has_a_white_ground(form: str) -> None:
    shown = open_picture(SEEN_AND_UNSEEN[form])

    assert np.asarray(shown).tolist()[0][0] == [200, 100, 0, 255]
    assert np.asarray(shown)[0, 1, 3] == 0
    assert np.asarray(on_white(shown)).tolist() == [[[200, 100, 0], [255, 255, 255]]]


@pytest.mark.parametrize("form", SEEN_AND_UNSEEN_GREY)
def test_so_has_that_of_greys(form: str) -> None:
    shown = open_picture(SEEN_AND_UNSEEN_GREY[form])

    assert np.asarray(on_white(shown)).tolist() == [[[85, 85, 85], [255, 255, 255]]]


def test_a_color_of_16_bits_may_be_the_transparent_one() -> None:
    content = png((2, 1), 16, 2, [b"\xc8\xc8\x64\x64\0\0\x80\0\x80\0\x80\0"], tRNS=b"\x80\0\x80\0\x80\0")

    assert np.asarray(on_white(open_picture(content))).tolist() == [[[200, 100, 0], [255, 255, 255]]]


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
def test_an_image_with_alpha_keeps_it_in_every_mode(mode: str) -> None:
    base = Image.new("LA", (2, 1), (80, 255))
    base.putpixel((1, 0), (0, 0))
    if mode == "PA":  # Pillow's own conversion to it forgets the alpha
        image = Image.merge("PA", [Image.new("L", (2, 1), 80), base.getchannel("A")])
        image.putpalette([value for grey in range(256) for value in (grey, grey, grey)])
    else:
        image = base.convert("RGBA").convert(mode) if mode == "RGBa" else base.convert(mode)

    assert np.asarray(on_white(open_picture(image))).tolist() == [[[80, 80, 80], [255, 255, 255]]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_an_image_without_alpha_has_its_colors_in_every_mode(mode: str) -> None:
    white_on_black = Image.new("RGB", (2, 1), "white")
    white_on_black.putpixel((1, 0), (0, 0, 0))

    shown = pixels(white_on_black.convert(mode))

    assert shown.tolist() == [[[255] * 4, [0, 0, 0, 255]]]


def test_inks_and_lab_become_the_color_that_they_are_of() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), (200, 30, 30)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )

    assert np.abs(pixels(saved(red, "JPEG"))[8, 8].astype(int) - (255, 0, 0, 255)).max() <= 3
    assert np.abs(pixels(lab)[0, 0].astype(int) - (200, 30, 30, 255)).max() <= 3


def test_16_bits_show_the_same_greys_as_8() -> None:
    greys = np.arange(256, dtype=np.uint16)[None] * 257
    wide = Image.fromarray(greys)
    swapped = Image.frombytes("I;16B", wide.size, greys.astype(">u2").tobytes())
    inverted = tiff((65535 - greys).astype("<u2").tobytes(), width=256, bits=16, photometric=0)
    files = [saved(wide, file_format) for file_format in ("PNG", "TIFF", "PPM")]

    for source in (wide, swapped, inverted, *files):
        assert pixels(source)[0, :, 0].tolist() == list(range(256))


def test_12_bits_reach_from_black_to_white() -> None:
    content = tiff(b"\xff\xf0\x00", width=2, bits=12, photometric=1)
    loaded = Image.open(io.BytesIO(content))
    loaded.load()

    assert [pixels(source)[0, :, 0].tolist() for source in (content, loaded)] == [[255, 0], [255, 0]]


def test_colors_are_those_of_the_color_profile() -> None:
    red, green, blue = SRGB_COLUMNS
    swapped = color_profile(b"RGB ", gamma=1.0, columns=(green, red, blue))
    image = Image.new("RGBA", (2, 1), (128, 0, 0, 77))

    from_png, from_image = open_picture(saved(image, "PNG", icc_profile=swapped)), image.copy()
    from_image.info["icc_profile"] = swapped

    half = round(255 * (1.055 * (128 / 255) ** (1 / 2.4) - 0.055))  # of the light, in sRGB
    assert np.abs(np.asarray(from_png)[0, 0].astype(int) - (0, half, 0, 77)).max() <= 1
    assert np.array_equal(pixels(from_image), np.asarray(from_png))
    assert np.array_equal(pixels(from_png), np.asarray(from_png))  # they are not changed again


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_greys_are_those_of_the_color_profile(mode: str) -> None:
    image = Image.new(mode, (1, 1), 128 * 257 if mode == "I;16" else (128, 255)[: len(mode)])

    shown = pixels(saved(image, "PNG", icc_profile=color_profile(b"GRAY", gamma=1.0)))

    assert np.abs(shown[0, 0].astype(int) - (188, 188, 188, 255)).max() <= 1


@pytest.mark.parametrize("profile", [b"rubbish" * 40, color_profile(b"GRAY", gamma=1.0)])
def test_a_color_profile_that_fits_nothing_is_left_out_and_told(
    profile: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    shown = pixels(saved(Image.new("RGB", (1, 1), (200, 100, 50)), "PNG", icc_profile=profile))

    assert shown.tolist() == [[[200, 100, 50, 255]]]
    assert "the picture has a color profile that cannot be used" in caplog.text
