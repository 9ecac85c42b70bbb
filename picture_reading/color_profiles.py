"""The colors of a picture in sRGB, by the profile that comes with it."""

import io
import logging
from typing import Final

from PIL import Image, ImageCms

_log = logging.getLogger(__name__)

_GREY: Final = frozenset({"1", "L", "LA"})

# For each color space that a profile can be of: the modes whose pixels it may describe, and the one to transform from.
_SPACES: Final = {
    b"RGB ": (_GREY | {"P", "PA", "RGB", "RGBX", "RGBA", "RGBa"}, "RGB"),
    b"GRAY": (_GREY, "L"),
    b"CMYK": (frozenset({"CMYK"}), "CMYK"),
}
_SPACE_IN_HEADER: Final = slice(16, 20)


def in_srgb(image: Image.Image, *, name: str) -> Image.Image:
    """The picture as RGBA in sRGB, which is also what one without a profile is taken for.

    Our choice: a profile that is damaged, or of another color space than the pixels, is left out with a warning.
    Browsers show such a picture too, and nearly all profiles that people meet are those of sRGB or close to it.
    """
    if image.mode == "LAB":  # which means the same everywhere
        return _transformed(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")
    content = image.info.get("icc_profile")
    if not content:
        return image.convert("RGBA")
    modes, mode = _SPACES.get(content[_SPACE_IN_HEADER], (frozenset(), ""))
    problem = "it is not for these pixels"
    if image.mode in modes:
        try:
            return _transformed(image, ImageCms.ImageCmsProfile(io.BytesIO(content)), mode)
        except (OSError, ImageCms.PyCMSError) as error:
            problem = str(error)
    _log.warning("%s has a color profile that cannot be used (%s); its colors are taken for sRGB", name, problem)
    return image.convert("RGBA")


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    pixels = image if image.mode == mode else image.convert("RGBA")
    seen = transform.apply(pixels.convert(mode)).convert("RGBA")
    if pixels.mode == "RGBA":
        seen.putalpha(pixels.getchannel("A"))
    return seen
