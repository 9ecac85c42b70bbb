"""Published networks that are only run: loaded whole, when they are needed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from storage import libraries
from storage.checkpoints import load_whole

# One that the paper's encoders need, imported when one of them is loaded.
library = partial(libraries.library, extra="paper-encoders")


class FrozenEncoder(nn.Module):
    """An encoder around a published network, which is loaded when it is first needed, to where the encoder then is.

    So an encoder whose outputs are all in a cache takes no memory.

    Args:
        load: gives the network.
    """

    _place: Tensor

    def __init__(self, load: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.register_buffer("_place", torch.empty(0), persistent=False)
        self._load = load
        self._network: nn.Module | None = None

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        return self._place.device

    def network(self) -> Any:
        """The network, loaded.

        Raises:
            ValueError: its checkpoint is incomplete.
        """
        if self._network is None:
            self._network = self._load().to(self.device)
        return self._network


def load_frozen(network_class: Any, folder: Path, **options: Any) -> nn.Module:
    """The network in `folder`, complete, in evaluation mode, not to be trained.

    Args:
        network_class: of diffusers or transformers.
        folder: of the checkpoint.
        options: for the library's `from_pretrained`.

    Raises:
        ValueError: weights are missing or of another size.
    """
    network: nn.Module = load_whole(network_class, folder, **options)
    return network.requires_grad_(requires_grad=False)
