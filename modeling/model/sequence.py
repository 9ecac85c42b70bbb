"""Where the tokens of a clip lie: all on one device, or divided among several (context parallel).

The model asks for its part of the tokens, and for everybody's keys and values; it does not know how many devices there
are.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Shard
from torch.nn.functional import pad


@runtime_checkable
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

    def __init__(self, mesh: DeviceMesh) -> None:
        self._mesh = mesh

    def part(self, tokens: Tensor) -> Tensor:
        """Consecutive tokens, in the order of the group's ranks."""
        devices, place = self._mesh.size(), self._mesh.get_local_rank()
        each = -(-tokens.shape[-2] // devices)
        padded = pad(tokens, (0, 0, 0, each * devices - tokens.shape[-2]))
        return padded.narrow(-2, place * each, each)

    def whole(self, part: Tensor, *, length: int) -> Tensor:
        """Gathered from the group, without the filling. Back comes the sum of what all devices say of one's part."""
        axis = part.ndim - 2
        parts = DTensor.from_local(part, self._mesh, [Shard(axis)], run_check=False)
        return parts.full_tensor(grad_placements=[Partial()]).narrow(axis, 0, length)
