"""What the shapes of published models with personalization layers have in common."""

from abc import abstractmethod
from dataclasses import dataclass

from modeling.model.backbone import BackboneConfig
from modeling.model.costs import Workload
from modeling.model.parts import Part
from storage.configs import strict
from storage.numbers import expect_at_least


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalizedShape(BackboneConfig):
    """The sizes of its layers (3.2), and those of text that published models share.

    Attributes:
        text_channels: of a text token.
        null_text: what it reads where the text is dropped, in training and in guidance. Our choice: the empty text, as
            diffusers' pipelines have it where no negative prompt is given.
        image_channels: of a token of a reference image.
        max_images: reference images of a clip; more are an error.
        words_per_image: K, the caption tokens bound to each image. Our choice: 3, as Figure 3 draws it.
        binds_words: as `DiTConfig.binds_words`.
        every_nth_block: only so many blocks have a personalization layer, the first among them. Our choice: every one,
            as in the paper; every second halves what is trained.
    """

    text_channels: int = 4096
    null_text: str = ""
    image_channels: int = 1024
    max_images: int = 6
    words_per_image: int = 3
    binds_words: bool = True
    every_nth_block: int = 1

    @property
    @abstractmethod
    def heads(self) -> int:
        """Of an attention."""

    @property
    def head_channels(self) -> int:
        """Channels of one attention head."""
        return self.width // self.heads

    @property
    def lora_layers(self) -> tuple[str, ...]:
        """Of the published layers, all projections of attentions and MLPs; the new layers are trained themselves."""
        return ("to_q", "to_k", "to_v", "to_out.0", "net.0.proj", "net.2")

    def is_personalized(self, block: int) -> bool:
        """Whether the block of this number has a personalization layer."""
        return block % self.every_nth_block == 0

    def expect_sizes(self, *names: str, multiple: int) -> None:
        """Refuse sizes below 1, and heads that do not divide the width into channels that are such a multiple.

        Args:
            names: of the model's own sizes.
            multiple: of which the channels of a head must be one.

        Raises:
            ValueError: there is such a size; the message names it.
        """
        common = ("width", "blocks", "heads", "latent_channels", "text_channels", "text_tokens", "image_channels")
        expect_at_least(1, "model", self, *common, *names, "max_images", "words_per_image", "every_nth_block")
        if self.width % self.heads or self.head_channels % multiple:
            raise ValueError(
                f"model has width {self.width} and {self.heads} heads, expected head channels that are a multiple of "
                f"{multiple}"
            )

    def new_products(self, workload: Workload) -> dict[Part, int]:
        """Multiplications of the new layers in one forward pass, by part, but for those of attention scores."""
        tokens, images = workload.tokens, workload.image_tokens
        bound_channels = self.image_channels + self.words_per_image * self.text_channels
        layers = self._layers(workload) * (tokens * self.width + images * self.image_channels) * 2 * self.width
        return {Part.PERSONALIZATION: layers, Part.BINDING: images * bound_channels * self.image_channels}

    def new_scores(self, workload: Workload) -> dict[Part, int]:
        """Multiplications of the new layers' attention scores."""
        return {Part.PERSONALIZATION: self._layers(workload) * workload.tokens * workload.image_tokens * self.width}

    def _layers(self, workload: Workload) -> int:
        return sum(map(self.is_personalized, range(self.blocks))) if workload.image_tokens else 0
