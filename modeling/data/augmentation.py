"""Changes to reference images that keep the model from copying size, light and pose (3.3, Table 4)."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

_SMALLEST_SIDE = 112


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """The drawn values of Table 4, in the order in which they are applied.

    Our choice: the order of the table; sizes in a range mean the image that the step receives.

    Attributes:
        downscale: factor of both sides.
        blur_kernel_px: width of the Gaussian kernel that blurs the downscaled image, an odd number; 1 is no blur. Its
            standard deviation is what OpenCV derives from a width, 0.3 ((width - 1) / 2 - 1) + 0.8 pixels. Our choice:
            the table gives the kernel alone, and this is how most people get a Gaussian of it.
        color_offset: added to red, green and blue, as a share of the range. Our choice: the table says only
            "scale"; an offset of each channel changes hue and saturation as well as tint.
        brightness: factor of all colors.
        is_flipped: left and right change places.
        shear_x: how far the top edge moves against the bottom edge, as a share of the width; `shear_y` likewise.
        rotation_deg: counter-clockwise.
        crop: factor of both sides. Our choice: sides, not area.
        crop_x: place of the crop, 0 left to 1 right; `crop_y` likewise, from the top.
    """

    downscale: float
    blur_kernel_px: int
    color_offset: tuple[float, float, float]
    brightness: float
    is_flipped: bool
    shear_x: float
    shear_y: float
    rotation_deg: float
    crop: float
    crop_x: float
    crop_y: float


def draw_augmentation(width: int, height: int, generator: np.random.Generator) -> Augmentation:
    """Draw every value from its range in Table 4 for an image of this size.

    The lower end of the downscale range passes its upper end for images under 112 px, and so does the kernel's for
    images under 50 px. Both ranges then shrink to "no change". The kernel's range is that of the reference image as it
    is given, also where it is downscaled first: large pictures are blurred, so that sharp does not mean close.
    """
    downscale = generator.uniform(min(1.0, _SMALLEST_SIDE / max(height, width)), 1.0)
    red, green, blue = generator.uniform(-0.05, 0.05, size=3).tolist()
    return Augmentation(
        downscale=downscale,
        blur_kernel_px=_odd(generator.uniform(1.0, max(1.0, max(height, width) / 50))),
        color_offset=(red, green, blue),
        brightness=generator.uniform(0.9, 1.1),
        is_flipped=bool(generator.random() < 0.5),
        shear_x=generator.uniform(-0.05, 0.05),
        shear_y=generator.uniform(-0.05, 0.05),
        rotation_deg=generator.uniform(-20.0, 20.0),
        crop=generator.uniform(0.67, 1.0),
        crop_x=generator.random(),
        crop_y=generator.random(),
    )


def _odd(width_px: float) -> int:
    return 1 + 2 * round((width_px - 1) / 2)


def augment(image: Image.Image, augmentation: Augmentation) -> Image.Image:
    """The changed image, RGBA. Color and alpha move together; what comes in from outside is transparent."""
    result = _downscale(image.convert("RGBA"), augmentation.downscale)
    result = _blur(result, augmentation.blur_kernel_px)
    result = _recolor(result, augmentation)
    if augmentation.is_flipped:
        result = result.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _crop(_shear_and_rotate(result, augmentation), augmentation)


def _downscale(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def _blur(image: Image.Image, kernel_px: int) -> Image.Image:
    """Blur premultiplied colors, so that hidden colors of transparent pixels do not bleed in."""
    if kernel_px <= 1:
        return image
    deviation_px = 0.3 * ((kernel_px - 1) / 2 - 1) + 0.8
    return image.convert("RGBa").filter(ImageFilter.GaussianBlur(deviation_px)).convert("RGBA")


def _recolor(image: Image.Image, augmentation: Augmentation) -> Image.Image:
    """By a table of what each of the 256 values of each color becomes."""
    values = np.arange(256, dtype=np.float32)[:, None]
    colors = (values + 255 * np.asarray(augmentation.color_offset, np.float32)) * augmentation.brightness
    table = colors.round().clip(0, 255).astype(np.uint8)
    return image.point([*table.T.flatten().tolist(), *range(256)])


def _shear_and_rotate(image: Image.Image, augmentation: Augmentation) -> Image.Image:
    """One resampling for the three, about the centre, on a canvas that holds the whole result."""
    width, height = image.size
    angle = math.radians(augmentation.rotation_deg)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    shear_x = np.array([[1.0, augmentation.shear_x * width / height], [0.0, 1.0]])
    shear_y = np.array([[1.0, 0.0], [augmentation.shear_y * height / width, 1.0]])
    forward = rotation @ shear_y @ shear_x
    corners = forward @ np.array([[-width, width, -width, width], [-height, -height, height, height]]) / 2
    new_width, new_height = (max(1, math.ceil(2 * extent - 1e-9)) for extent in np.abs(corners).max(axis=1))
    backward = np.linalg.inv(forward)
    shift = np.array([width, height]) / 2 - backward @ (np.array([new_width, new_height]) / 2)
    coefficients = np.column_stack([backward, shift]).flatten().tolist()
    return image.transform(
        (new_width, new_height), Image.Transform.AFFINE, coefficients, resample=Image.Resampling.BILINEAR
    )


def _crop(image: Image.Image, augmentation: Augmentation) -> Image.Image:
    width, height = (max(1, round(side * augmentation.crop)) for side in image.size)
    left = round((image.width - width) * augmentation.crop_x)
    top = round((image.height - height) * augmentation.crop_y)
    return image.crop((left, top, left + width, top + height))
