"""TransNetV2's answer, and a look at the picture itself, which complete each other; on a CPU on one thread.

The network's own answer is completed in two ways, both of which only ever add cuts:

- Other cuts close by lower its probability of a cut, most of all between shots of less than a second. A change in
  doubt beside certain ones is therefore shown to it again, with the frames up to those alone: a second look.
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
# move a probability by .13 at most, and other cuts close by to press a true one's to .2; both bounds leave room.
_IN_DOUBT: Final = (0.1, 0.6)
# Our choice: how much higher the package's own probability may be. It was seen to be higher by .03.
_HIGHER: Final = 0.1
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
            found = _decided(self.network, thumbnails, found, is_exact=self.windows == 1)
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


def _decided(network: StretchedTransNet, thumbnails: Video, found: Probabilities, *, is_exact: bool) -> Probabilities:
    """Look again at the changes in doubt, the likeliest first: each may be certain then, and bring others in doubt.

    A second look comes first, which raises what certain cuts close by have lowered. Without one nothing is raised, so
    that a single shot stays one. Where the package's own window may still say more, all its frames are decided by it,
    unless what was found `is_exact` already.
    """
    low, high = _IN_DOUBT
    changes = [change.likeliest for change in shot_changes(found[:-1], low)]
    in_doubt = [cut for cut in changes if found[cut - 1] < (_CUT if is_exact else high)]
    certain = sorted(set(changes) - set(in_doubt))
    decided = found.copy()
    raised = np.zeros_like(found)
    exact = set()
    for cut in sorted(in_doubt, key=lambda cut: -found[cut - 1]):
        raised[cut - 1] = _second_look(network, thumbnails, cut, certain)
        first = (cut - 1) // STRIDE * STRIDE
        if not is_exact and first not in exact and raised[cut - 1] < min(_CUT, found[cut - 1] + _HIGHER):
            exact.add(first)
            decided[first : first + STRIDE] = network.window(thumbnails, first)
        if max(decided[cut - 1], raised[cut - 1]) >= _CUT:
            certain.append(cut)
    return np.maximum(decided, raised)


def _second_look(network: StretchedTransNet, thumbnails: Video, cut: int, certain: list[int]) -> float:
    """The probability of a cut where the frames up to certain cuts are all there is; 0 without such cuts close by."""
    near = [other for other in certain if _FLASH_FRAMES <= abs(other - cut) < WINDOW // 2]
    if not near:
        return 0.0
    start = max((other for other in near if other < cut), default=0)
    end = min((other for other in near if other > cut), default=len(thumbnails))
    return network.alone(thumbnails[start:end], cut - start)


def _check(found: Probabilities) -> None:
    check_finite(torch.from_numpy(found), "TransNetV2")
