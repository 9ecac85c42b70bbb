"""How loud a clip is, and how much of it is silent."""

from typing import Final

import numpy as np
import numpy.typing as npt

from curation.video.requests import ListenRequest, Loudness
from video_reading.clip import file_at_hand
from video_reading.sound import Sound, sound_of

# ITU-R BS.1770-4: the two stages of K-weighting as analog filters, a high shelf and a high pass (their corner in Hz and
# quality; the shelf's gain), so that they can be made for any rate; at 48 kHz they are the tabled ones.
_SHELF_HZ, _SHELF_QUALITY, _SHELF_DB = 1681.974450955533, 0.7071752369554196, 3.999843853973347
_PASS_HZ, _PASS_QUALITY = 38.13547087602444, 0.5003270373238773
_SHELF_MIDDLE: Final = 0.4996667741545416
_OFFSET_DB: Final = -0.691
# Blocks of 400 ms begin every 100 ms; those below -70 LUFS do not count, nor those 10 below the mean of the rest.
_BLOCK_S, _STEP_S = 0.4, 0.1
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_DB: Final = -10.0
# Our choice: pieces of a tenth of a second below -60 dB of full scale are silent, as most tools that look for silence
# have it.
_SILENT_DBFS: Final = -60.0

Samples = npt.NDArray[np.float64]


def listen(request: ListenRequest) -> Loudness | None:
    """Measure the sound of a clip; None if it has none.

    Raises:
        VideoError: the file cannot be opened.
    """
    part = request.part
    with file_at_hand(part) as file:
        sound = sound_of(file, from_s=request.from_s, to_s=request.to_s, max_pixels=part.max_pixels)
    return None if sound is None else loudness_of(sound)


def loudness_of(sound: Sound) -> Loudness:
    """Measure it."""
    samples = sound.samples.astype(np.float64)
    step = round(_STEP_S * sound.rate_hz)
    levels = _means(np.square(samples).mean(axis=0), step, step)
    return Loudness(
        lufs=_integrated(_k_weighted(samples, sound.rate_hz), step),
        silence=float(np.mean(levels < 10 ** (_SILENT_DBFS / 10))),
    )


def _integrated(weighted: Samples, step: int) -> float:
    powers = _means(np.square(weighted).sum(axis=0), round(_BLOCK_S / _STEP_S) * step, step)
    loud = powers[powers > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return _ABSOLUTE_GATE_LUFS
    gate = loud.mean() * 10 ** (_RELATIVE_GATE_DB / 10)
    return float(_OFFSET_DB + 10 * np.log10(loud[loud > gate].mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))


def _means(values: Samples, length: int, step: int) -> Samples:
    """Of the pieces of so many values that begin every `step`; of all values where there are fewer."""
    if len(values) <= length:
        return np.array([values.mean()])
    sums = np.concatenate([[0.0], np.cumsum(values)])
    starts = np.arange(0, len(values) - length + 1, step)
    return np.asarray(sums[starts + length] - sums[starts]) / length


def _k_weighted(samples: Samples, rate_hz: int) -> Samples:
    from scipy.signal import sosfilt  # only here: it loads as long as a short clip takes

    slope, gain = np.tan(np.pi * _SHELF_HZ / rate_hz), 10 ** (_SHELF_DB / 20)
    middle = gain**_SHELF_MIDDLE
    whole = 1 + slope / _SHELF_QUALITY + slope**2
    shelf = [
        (gain + middle * slope / _SHELF_QUALITY + slope**2) / whole,
        2 * (slope**2 - gain) / whole,
        (gain - middle * slope / _SHELF_QUALITY + slope**2) / whole,
        1.0,
        2 * (slope**2 - 1) / whole,
        (1 - slope / _SHELF_QUALITY + slope**2) / whole,
    ]
    slope = np.tan(np.pi * _PASS_HZ / rate_hz)
    whole = 1 + slope / _PASS_QUALITY + slope**2
    high_pass = [
        1.0,
        -2.0,
        1.0,
        1.0,
        2 * (slope**2 - 1) / whole,
        (1 - slope / _PASS_QUALITY + slope**2) / whole,
    ]
    return np.asarray(sosfilt(np.array([shelf, high_pass]), samples, axis=1))
