"""TransNetV2's answer, and a look at the picture itself, which complete each other; on a CPU on one thread.

The network's own answer is completed in two ways, both of which only ever add cuts:

- Other cuts close by lower its probability of a cut, most of all between shots of less than a second. A change in
  doubt beside certain ones is therefore shown to it again, with the frames up to those alone.
- Where nearly the whole picture jumps, that is a cut, whatever the network says: `jumps.py`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from curation.annotators.device import Device
from curation.annotators.shots.jumps import picture_jumps
from curation.annotators.shots.network import STRIDE, WINDOW, Probabilities, StretchedTransNet, package_network
from curation.annotators.tensors import check_finite, dtype_of, one_thread
from curation.records import Video
from curation.shot_changes import shot_changes

# Our choice: probabilities that can become another decision when they are looked at again. Long stretches were seen to
# move a probability by .03 at most, and other cuts close by to press a true one's to .2; both bounds leave room.
_IN_DOUBT: Final = (0.1, 0.6)
# A cut is likelier than not.
_CUT: Final = 0.5
# Our choice: changes closer than this may be the two ends of one flash, which the network must see together.
_FLASH_FRAMES: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class CompletedTransNet:
    """The loaded network, and how it is used.

    Attributes:
        network: on its device.
        windows: of 100 frames that go through it as one stretch.
    """

    network: StretchedTransNet
    windows: int

    @classmethod
    def load(cls, device: Device) -> "CompletedTransNet":
        """With the weights that come with the package."""
        network = StretchedTransNet.fold(package_network(device.name), native_precision(device))
        return cls(network, device.batch_size)

    def cut_probabilities(self, thumbnails: Video) -> Probabilities:
        """For every frame: the probability that a shot change lies between it and the next."""
        with torch.inference_mode(), one_thread():
            found = self.network.probabilities(thumbnails, self.windows)
            _check(found)
            if self.windows > 1:
                found = _with_own_windows(self.network, thumbnails, found)
            found = _with_second_looks(self.network, thumbnails, found)
        _check(found)
        return np.maximum(found, picture_jumps(thumbnails, found < _CUT))

    def network_probabilities(self, thumbnails: Video) -> Probabilities:
        """The network's answer alone: with one window a stretch, what its package would say."""
        with torch.inference_mode(), one_thread():
            return self.network.probabilities(thumbnails, self.windows)


def native_precision(device: Device) -> torch.dtype:
    """The device's precision, or float32 on a processor that has no units for matrices of it.

    Instructions of AVX-512 for vectors of it (`avx512_bf16`, `avx512_fp16`) were measured to be slower than float32.
    """
    if torch.device(device.name).type != "cpu":
        return dtype_of(device)
    can = torch.cpu.get_capabilities()
    has_units = {torch.bfloat16: can.get("amx_bf16"), torch.float16: can.get("amx_fp16")}
    return dtype_of(device) if has_units.get(dtype_of(device)) else torch.float32


def _with_own_windows(network: StretchedTransNet, thumbnails: Video, found: Probabilities) -> Probabilities:
    """The package's own probabilities in all windows with a change in doubt: a long stretch then decides as they do."""
    low, high = _IN_DOUBT
    peaks = (change.likeliest - 1 for change in shot_changes(found, low))
    exact = found.copy()
    for first in sorted({peak // STRIDE * STRIDE for peak in peaks if found[peak] < high}):
        exact[first : first + STRIDE] = network.window(thumbnails, first)
    return exact


def _with_second_looks(network: StretchedTransNet, thumbnails: Video, found: Probabilities) -> Probabilities:
    """Raise probabilities that certain cuts close by have lowered, the likeliest first: it may then be certain itself.

    Without a certain cut nothing is looked at again, so that a single shot stays one.
    """
    changes = [change.likeliest for change in shot_changes(found[:-1], _IN_DOUBT[0])]
    certain = [cut for cut in changes if found[cut - 1] >= _CUT]
    raised = found.copy()
    for cut in sorted(set(changes) - set(certain), key=lambda cut: -found[cut - 1]):
        near = [other for other in certain if _FLASH_FRAMES <= abs(other - cut) < WINDOW // 2]
        if near:
            start = max((other for other in near if other < cut), default=0)
            end = min((other for other in near if other > cut), default=len(thumbnails))
            alone = float(network(_around(thumbnails[start:end], cut - start))[WINDOW // 2 - 1])
            raised[cut - 1] = max(found[cut - 1], alone)
            if alone >= _CUT:
                certain.append(cut)
    return raised


def _around(thumbnails: Video, cut: int) -> Video:
    """A window with the cut in its middle; the first and the last frame are repeated where there are no others."""
    half = WINDOW // 2
    before, after = thumbnails[:cut][-half:], thumbnails[cut:][:half]
    return np.concatenate(
        [before[:1].repeat(half - len(before), 0), before, after, after[-1:].repeat(half - len(after), 0)]
    )


def _check(found: Probabilities) -> None:
    check_finite(torch.from_numpy(found), "TransNetV2")
