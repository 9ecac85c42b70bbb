"""High dynamic range to standard range, for pictures that networks trained on standard range will read."""

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorTrc

Image = npt.NDArray[np.uint8]  # (height, width, 3), RGB
Curve = npt.NDArray[np.float32]

HDR_TRANSFERS: Final = frozenset({int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)})

# ITU-R BT.2408: diffuse white lies at 203 cd/m2, which is PQ 58 % and HLG 75 %.
_WHITE_NITS: Final = 203.0
# Our choice: highlights up to this many times diffuse white are rolled off, brighter ones clip. 1000 cd/m2 is what HDR
# is usually graded for.
_PEAK: Final = 1000.0 / _WHITE_NITS
_BT2020_TO_BT709: Final = np.array(  # ITU-R BT.2087
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
_OUTPUT_STEPS: Final = 4096


def to_standard_range(image: npt.NDArray[Any], transfer: ColorTrc) -> Image:
    """8-bit BT.709 from 16-bit BT.2020 PQ or HLG.

    Our choice: extended Reinhard on each channel. It leaves shadows and skin nearly as they are graded, and looks at no
    other frame, so that pictures of one clip stay comparable.
    """
    linear = np.clip(_to_linear(transfer)[image] @ _BT2020_TO_BT709.T, 0.0, _PEAK)
    mapped = linear * (1.0 + linear / _PEAK**2) / (1.0 + linear)
    shown: Image = _to_display()[np.rint(mapped * _OUTPUT_STEPS).astype(np.uint16)]
    return shown


@cache
def _to_linear(transfer: ColorTrc) -> Curve:
    """Light for each of the 65536 code values, where 1 is diffuse white."""
    code = np.linspace(0.0, 1.0, 1 << 16)
    nits = _pq_nits(code) if transfer is ColorTrc.SMPTE2084 else _hlg_nits(code)
    return (nits / _WHITE_NITS).astype(np.float32)


def _pq_nits(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SMPTE ST 2084."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = code ** (1 / m2)
    return 10_000.0 * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1)


def _hlg_nits(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ITU-R BT.2100 on a 1000 cd/m2 display; its system gamma of 1.2 is applied to each channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return 1000.0 * scene**1.2


@cache
def _to_display() -> npt.NDArray[np.uint8]:
    """The sRGB code value for each step of light between black and peak."""
    light = np.linspace(0.0, 1.0, _OUTPUT_STEPS + 1)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255.0 * code).astype(np.uint8)
