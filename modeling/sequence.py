"""Where the tokens of a clip lie: all on one device, or divided among several (context parallel).

The model asks for its part of the tokens, and for everybody's keys and values; it does not know how many devices there
are.
"""

from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed._functional_collectives import all_gather_tensor_autograd


class TokenSequence(Protocol):
    """Divides tensors along their axis of tokens, the last but one."""

    def part(self, tokens: Tensor) -> Tensor:
        """This device's part of tensors that every device has whole."""
        ...

    def whole(self, part: Tensor, *, length: int) -> Tensor:
        """All parts together, `length` tokens, from every device's own."""
        ...


class WholeSequence:
    """One device holds every token."""

    def part(self, tokens: Tensor) -> Tensor:
        """All of them."""
        return tokens

    def whole(self, part: Tensor, *, length: int) -> Tensor:  # noqa: ARG002  # the protocol's
        """The part, which is the whole."""
        return part


class DividedSequence:
    """Every device of a group holds an equal part; the last is filled up with zeros, which `whole` takes off again.

    Attention needs each query on one device only, but all keys and values on every device: they are gathered for each
    layer, and their gradients summed. Our choice: no ring of partial softmaxes; keys and values of one layer are small
    beside the activations that the division saves, and any number of heads will do.
    """

    def __init__(self, group: dist.ProcessGroup) -> None:
        self._group = group
        self._devices = group.size()
        self._place = group.rank()

    def part(self, tokens: Tensor) -> Tensor:
        """Consecutive tokens, in the order of the group's ranks."""
        length = tokens.shape[-2]
        each = -(-length // self._devices)
        padding = each * self._devices - length
        padded = torch.nn.functional.pad(tokens, (0, 0, 0, padding)) if padding else tokens
        return padded.narrow(-2, self._place * each, each)

    def whole(self, part: Tensor, *, length: int) -> Tensor:
        """Gathered from the group, without the filling."""
        parts = all_gather_tensor_autograd(part.movedim(-2, 0).contiguous(), 0, self._group)
        return parts.narrow(0, 0, length).movedim(0, -2)
