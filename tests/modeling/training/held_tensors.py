"""What tensors occupy on a CPU at the fullest moment, and conditions of given sizes."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.costs import Workload
from modeling.model.dit import DiTConfig


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types here
    """Counts the bytes of every storage that appears within it and is still referred to."""

    def __init__(self, ignored: Sequence[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sizes = {tensor.untyped_storage()._cdata: 0 for tensor in ignored}
        self._now = 0
        self.most = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata not in self._sizes:
            self._sizes[storage._cdata] = storage.nbytes()
            self._now += storage.nbytes()
            self.most = max(self.most, self._now)
            weakref.finalize(storage, self._remove, storage._cdata)

    def _remove(self, key: int) -> None:
        self._now -= self._sizes.pop(key)


def draw_conditions(config: DiTConfig, *, clips: int, text: int, images: int) -> Conditions:
    """Of so many clips, text tokens and images of 8 tokens each."""
    references = ReferenceTokens(
        image_tokens=torch.randn(clips, images, 8, config.image_channels),
        word_tokens=torch.randn(clips, images, config.words_per_image, config.text_channels),
        is_present=torch.ones(clips, images, dtype=torch.bool),
    )
    return Conditions(
        text=torch.randn(clips, text, config.text_channels),
        is_text=torch.ones(clips, text, dtype=torch.bool),
        references=references if images else None,
    )


def cpu_extra(config: DiTConfig, workload: Workload, blocks: int) -> int:
    """What torch's RMS norm keeps on a CPU beside its input, where it is not one kernel: the normalised input."""
    attentions = 2 if workload.image_tokens else 1
    rows = (2 + attentions) * workload.tokens + workload.text_tokens + workload.image_tokens
    return 4 * workload.clips * blocks * rows * config.width
