"""What a video model must be, so that the same code trains it, guides it, counts its work and saves it.

`dit.py` is the paper's model, built and trained here; `modeling/backbones/` has published ones with the paper's new
layers between theirs. Of a published model everything but the new layers stays as it is, and no file repeats it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from dataset_schema import FRAMES_PER_SECOND
from modeling.model.conditions import Conditions
from modeling.model.costs import Flops, Workload
from modeling.model.parts import Trainable
from modeling.model.sequence import TokenSequence
from modeling.model.weight_files import NamedWeights

Config = TypeVar("Config", bound="BackboneConfig")


@runtime_checkable
class CachedConditions(Protocol):
    """Conditions as a model uses them, for all steps of sampling; `VideoBackbone.cache` makes them."""

    def of_clips(self, text: slice | None, images: slice | None) -> "CachedConditions":
        """The same for a batch in which only these clips have text, and only these have images; None is no clip."""
        ...


class VideoBackbone(nn.Module, ABC):
    """Predicts the velocity of noisy latents under text and reference images.

    Attributes:
        config: that built it.
        blocks: which follow each other; devices shard, compile and recompute one at a time.
    """

    config: "BackboneConfig"
    blocks: nn.ModuleList

    @abstractmethod
    def forward(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        timesteps: Float[Tensor, " batch"] | Float[Tensor, "batch time"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data.

        Args:
            latents: noisy ones; height and width even.
            timesteps: 1 is noise, 0 is data; one for each clip, or for each of its latents in time where the config
                says that it `reads_clean_first_frames`.
            conditions: text and reference images.
            estimate: the last estimate of the data, for a model that conditions itself; None is zeros.
        """

    @abstractmethod
    def cache(self, conditions: Conditions) -> CachedConditions:
        """What no step of sampling changes about the conditions."""

    @abstractmethod
    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """What has first weights of its own, in parts of at most one block, by name; nothing of a published model."""

    @abstractmethod
    def shrink(self, is_chosen: Callable[[str], bool]) -> None:
        """Make some weights bfloat16, of those that computing in bfloat16 rounds anyway.

        Args:
            is_chosen: by the name of a weight.
        """

    @abstractmethod
    def halve(self) -> None:
        """Make the weights bfloat16, to sample in half the memory."""

    def divide(self, sequence: TokenSequence) -> None:  # noqa: ARG002  # here nothing is divided
        """From now on hold only this device's part of the tokens of each clip (`BackboneConfig.divides_clips`)."""
        raise ValueError(f"{type(self).__name__} cannot divide a clip among devices; set devices_per_clip to 1")


class BackboneConfig(ABC):
    """A config of a video model: a frozen dataclass; where a model of this library needs nothing, that is the default.

    The sizes are what costs are estimated from, and what the encoders must fit.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def width(self) -> int:
        """Latent token channels."""

    @property
    @abstractmethod
    def blocks(self) -> int:
        """How many follow each other."""

    @property
    @abstractmethod
    def mlp_width(self) -> int:
        """Channels inside the MLP of a block."""

    @property
    @abstractmethod
    def latent_channels(self) -> int:
        """Of a latent."""

    @property
    @abstractmethod
    def text_channels(self) -> int:
        """Of a text token."""

    @property
    @abstractmethod
    def image_channels(self) -> int:
        """Of a token of a reference image."""

    @property
    @abstractmethod
    def max_images(self) -> int:
        """Reference images of a clip; more are an error."""

    @property
    @abstractmethod
    def words_per_image(self) -> int:
        """K, the caption tokens bound to each image."""

    @property
    @abstractmethod
    def binds_words(self) -> bool:
        """Whether the images come with their entity words."""

    @property
    def patch(self) -> int:
        """Latents of a token's height, and of its width; 2 in the paper's model (Table 5)."""
        return 2

    @property
    def fps(self) -> float:
        """Frames per second of the videos that it makes, and is trained on."""
        return FRAMES_PER_SECOND

    @property
    def dropout(self) -> float:
        """Of the MLP."""
        return 0.0

    @property
    def self_conditions(self) -> bool:
        """Whether the model also sees its own last estimate of the data."""
        return False

    @property
    def text_tokens(self) -> int | None:
        """To how many tokens every text is filled up with zeros that count; None where padding is masked."""
        return None

    @property
    def needs_whole_texts(self) -> bool:
        """Whether the texts must come with as many tokens as `text_tokens`, padding among them."""
        return False

    @property
    def pooled_channels(self) -> int | None:
        """Of the vector that the model reads beside the tokens of a text; None where it reads none."""
        return None

    @property
    def null_text(self) -> str | None:
        """What the model reads where a text is dropped; None is zeros, which contribute nothing."""
        return None

    @property
    def timestep_ranges(self) -> tuple[tuple[float, float], ...]:
        """Spans [from, to) of timesteps, to 1 included, that have a network each; a training step draws from one."""
        return ((0.0, 1.0),)

    @property
    def reads_clean_first_frames(self) -> bool:
        """Whether the first latents of a clip may be given to it without noise, at timestep 0."""
        return False

    @property
    def lora_layers(self) -> tuple[str, ...]:
        """The ends of the names of the linear layers that get adapters, where a fine-tune names none.

        Our choice: all projections of the three attentions; a personal fine-tune is to say where a known model looks,
        for which the MLPs and the timestep's modulation, 60 % of the weights, need not change.
        """
        return ("to_qkv", "to_query", "to_key_value", "to_out")

    @property
    def is_published(self) -> bool:
        """Whether all but the new layers is published, stays as it is, and stands in no file of this library."""
        return False

    @property
    def divides_clips(self) -> bool:
        """Whether devices can divide the tokens of a clip among them."""
        return not self.is_published

    @property
    def compiles_blocks(self) -> bool:
        """Whether its blocks can be compiled; they then say which sizes vary (`block_graphs.py`)."""
        return not self.is_published

    def stands_in_files(self, name: str) -> bool:
        """Whether a file of this library holds the weight of this name."""
        return not self.is_published or Trainable.NEW_LAYERS.admits(name)

    def at_place_of(self: Config, other: "BackboneConfig") -> Config:  # noqa: ARG002  # here there is no place
        """The same, with the published weights where `other` has its own."""
        return self

    def pinned(self: Config) -> Config:
        """The same, bound to the very weights that are published there now."""
        return self

    def published_weights(self) -> NamedWeights:
        """The weights that no file of this library holds, from where they are published.

        Raises:
            FileNotFoundError: they are not there.
            ValueError: they have another shape, or are others than those that the config is pinned to.
        """
        return ()

    @abstractmethod
    def build(self) -> VideoBackbone:
        """The model, with whatever weights its layers begin with; on the device `meta` with none."""

    @abstractmethod
    def forward_flops(self, workload: Workload) -> Flops:
        """The operations of one forward pass; a multiplication and its addition count as two."""
