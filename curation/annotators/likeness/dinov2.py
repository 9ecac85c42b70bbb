"""How alike two pictures of entities are, by DINOv2: the network with which the paper compares subjects too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from curation.annotators.checkpoints import describe_checkpoint
from curation.annotators.device import Device
from curation.annotators.protocols import CutoutEncoder
from curation.records import Cutout
from curation.stage import Resources
from dataset_schema import Annotator
from storage.checkpoints import check_model_type, checkpoint_folder
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Dinov2Config:
    """Which DINOv2 compares pictures, and where.

    Attributes:
        checkpoint: a folder, or a name on the Hugging Face hub. Our choice: the ViT-L/14 that the model reads reference
            images with (Table 5), so that pictures are alike here as they will be there.
    """

    profile: Literal["dinov2"] = "dinov2"
    checkpoint: str = "facebook/dinov2-large"
    device: Device = field(default_factory=lambda: Device(gpus=0.1, gpu_memory_gib=3.0))

    def build(self) -> CutoutEncoder:
        """The encoder; nothing is loaded yet."""
        return Dinov2Encoder(self)


class _Network(Protocol):
    """DINOv2 once it is loaded: `dinov2_network.py`."""

    def encode(self, cutouts: Sequence[Cutout], name: str) -> npt.NDArray[np.float64]: ...


class Dinov2Encoder:
    """A `CutoutEncoder`: the class token after the last layer norm.

    Our choice: the class token and not the mean of the patch tokens, because DINOv2 is trained to make it tell pictures
    apart, and because a narrow cut-out is mostly white padding, which the mean would mostly be.

    Attributes:
        same_subject: OpenS2V-5M pairs clips of one video from 0.6 on; not measured here, where no weights are.
    """

    same_subject: ClassVar[float] = 0.6

    def __init__(self, config: Dinov2Config) -> None:
        self._config = config
        self._loaded: _Network | None = None

    def describe(self) -> Annotator:
        """The checkpoint and its hash.

        Raises:
            FileNotFoundError: it is not there.
            ValueError: it is another network.
        """
        folder = checkpoint_folder(self._config.checkpoint)
        check_model_type(folder, "dinov2")
        return describe_checkpoint("likeness", self._config.checkpoint, [folder])

    @property
    def resources(self) -> Resources:
        """The device's."""
        return self._config.device.resources(timeout_s=60.0)

    def load(self) -> None:
        """Load network and pixel statistics; idempotent.

        Raises:
            FileNotFoundError: weights, config.json or preprocessor_config.json are missing.
            ValueError: it is another network, or lacks weights.
        """
        self._network()

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """Class tokens scaled to length one.

        Raises:
            ClipError: the network gives NaN.
        """
        return self._network().encode(cutouts, f"class tokens of {self._config.checkpoint}")

    def _network(self) -> _Network:
        if self._loaded is None:
            folder = checkpoint_folder(self._config.checkpoint)
            check_model_type(folder, "dinov2")
            processor = folder / "preprocessor_config.json"
            if not processor.is_file():
                raise FileNotFoundError(f"{processor} does not exist; expected the folder of a complete checkpoint")
            from curation.annotators.likeness.dinov2_network import Dinov2Network

            self._loaded = Dinov2Network.load(folder, self._config.device)
        return self._loaded
