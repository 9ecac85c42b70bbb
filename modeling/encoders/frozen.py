"""Published networks that are only run: loaded whole, when they are needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


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
        ValueError: weights are missing, which both libraries would fill with random numbers.
    """
    network: nn.Module
    network, report = network_class.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, output_loading_info=True, **options
    )
    if missing := sorted(report["missing_keys"]):
        raise ValueError(
            f"{folder} lacks {len(missing)} weights of {network_class.__name__}, such as {missing[0]}; expected a "
            "checkpoint of that network"
        )
    return network.eval().requires_grad_(requires_grad=False)
