import numpy as np
import pytest
from av.video.reformatter import ColorTrc

from video_reading.tone import to_standard_range


def grey(code: float) -> np.ndarray:
    return np.full((2, 2, 3), round(code * 65535), np.uint16)


@pytest.mark.parametrize(
    ("nits", "pq", "hlg"),
    # Code values of ITU-R BT.2408, table 1: diffuse white and the 18 % grey card; and the peak of the roll-off.
    [(203, 0.58, 0.75), (26, 0.38, 0.38), (1000, 0.7518, 1.0)],
)
def test_both_transfers_agree_on_the_same_light(nits: float, pq: float, hlg: float) -> None:
    light = nits / 203
    peak = 1000 / 203
    mapped = light * (1 + light / peak**2) / (1 + light)
    by_hand = 255 * (1.055 * mapped ** (1 / 2.4) - 0.055)

    assert to_standard_range(grey(pq), ColorTrc.SMPTE2084) == pytest.approx(by_hand, abs=3)
    assert to_standard_range(grey(hlg), ColorTrc.ARIB_STD_B67) == pytest.approx(by_hand, abs=3)


@pytest.mark.parametrize("transfer", [ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67])
def test_black_stays_black_and_brighter_never_gets_darker(transfer: ColorTrc) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 500).astype(np.uint16)[None, :, None], 3, axis=2)

    shown = to_standard_range(ramp, transfer)[0, :, 1].astype(int)

    assert shown[0] == 0
    assert shown[-1] == 255
    assert (np.diff(shown) >= 0).all()


def test_a_grey_stays_grey_and_a_wide_gamut_red_becomes_a_full_one() -> None:
    grey_shown = to_standard_range(grey(0.5), ColorTrc.SMPTE2084)
    red = np.zeros((1, 1, 3), np.uint16)
    red[..., 0] = 40000

    red_shown = to_standard_range(red, ColorTrc.SMPTE2084)[0, 0]

    assert np.ptp(grey_shown) <= 1
    assert red_shown[0] > 150
    assert (red_shown[1:] == 0).all()
