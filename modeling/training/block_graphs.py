"""The blocks of a model in training, compiled to a few graphs that all of them share, through all training phases.

torch compiles a function again for every kind of call that its graphs do not fit, up to a limit
(`torch.compiler.config.recompile_limit`, 8), and then computes such calls eagerly. So kinds are few, and known:

- What varies from step to step is marked: clips of a batch, tokens of a clip, of texts and of images. One clip alone is
  a kind of its own, because torch never takes a size of 1 for any size, and so that it needs no masks.
- Calls with gradients, without them, and in evaluation have functions of their own, each with its own graphs.
- A training phase begins with none, because graphs are made for the weights that it trains.

That leaves each function two kinds, one clip and several, and twice as many with gradients where the tokens come to the
first block without and leave it with them (phase II-a, adapters). In evaluation a batch comes with references and
without, and in the branches of guidance.
"""

import logging
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import Any, Final, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed, FailOnRecompileLimitHit

_logger = logging.getLogger(__name__)

_WAYS: Final = {
    (True, True): "with gradients",
    (False, True): "without gradients",
    (True, False): "with gradients, in evaluation",
    (False, False): "in evaluation",
}


@runtime_checkable
class CompiledBlock(Protocol):
    """A block of a model whose config says that its blocks compile; its `forward` calls what stands in `compiled`."""

    training: bool

    def compute(self, tokens: Tensor, *inputs: Any) -> Tensor:
        """The tokens after the block."""
        ...

    def varying_sizes(self, tokens: Tensor, *inputs: Any) -> Iterable[tuple[Tensor, Sequence[int]]]:
        """Of its arguments, the axes that are others in the next call."""
        ...


class BlockGraphs:
    """Computes a block in place of its `compute`; one for all blocks of a model (their `compiled`)."""

    def __init__(self) -> None:
        self._functions: dict[tuple[bool, bool], _CompiledFunction] = {}

    def forget(self) -> None:
        """Begin anew, because other weights are trained from now on."""
        self._functions.clear()

    def __call__(self, block: CompiledBlock, tokens: Tensor, *inputs: Any) -> Tensor:
        """The tokens after the block; arguments as those of its `compute`.

        Raises:
            RuntimeError: this machine cannot compile.
        """
        if tokens._base is not None:
            tokens = tokens.clone()  # a view brings its base along, and is another kind than what a block returns
        for tensor, axes in block.varying_sizes(tokens, *inputs):
            torch._dynamo.maybe_mark_dynamic(tensor, list(axes))
        way = (torch.is_grad_enabled(), block.training)
        if way not in self._functions:
            self._functions[way] = _CompiledFunction(_WAYS[way])
        return self._functions[way](block, tokens, *inputs)


class _CompiledFunction:
    """`compute` of a block for one way of calling it, with graphs of its own."""

    def __init__(self, way: str) -> None:
        self._way = way
        # torch keeps graphs by the code of a function, so a copy of the code has its own.
        code = _compute.__code__.replace()
        self._compiled = torch.compile(FunctionType(code, _compute.__globals__), fullgraph=True)
        self._is_full = False

    def __call__(self, *inputs: object) -> Tensor:
        if self._is_full:
            with torch.compiler.set_stance("eager_on_recompile"):
                return self._compiled(*inputs)
        try:
            return self._compiled(*inputs)
        except FailOnRecompileLimitHit:
            self._is_full = True
            _logger.warning(
                "execution.compiles: the blocks %s have compiled to %d graphs, the most that torch keeps, and a call "
                "fits none of them; such calls are computed eagerly from now on in this training phase, which is "
                "slower. TORCH_LOGS=recompiles says what differs from call to call",
                self._way,
                torch.compiler.config.recompile_limit,
            )
            return self(*inputs)
        except BackendCompilerFailed as error:
            found = str(error.inner_exception).strip().partition("\n")[0]
            raise RuntimeError(
                f"execution.compiles is set, but torch cannot compile on this machine: {found}. Install what it names "
                "(on a CPU a C++ compiler, such as g++; on a GPU Triton and a C compiler), or set "
                "run.training.execution.compiles = false"
            ) from error


def _compute(block: CompiledBlock, tokens: Tensor, *inputs: Any) -> Tensor:
    return block.compute(tokens, *inputs)
