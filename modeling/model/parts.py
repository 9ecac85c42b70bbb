"""The parts of the model by the names of their parameters: the only place where layers are known by their names."""

from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """Where a weight of the model belongs; the words are those of the tables that `describe` prints."""

    PATCH_EMBEDDING = "patch embedding"
    SELF_ATTENTION = "self-attention"
    TEXT_ATTENTION = "text cross-attention"
    PERSONALIZATION = "personalization cross-attention"
    MLP = "MLP"
    MODULATION = "adaLN"
    BINDING = "binding"
    REST = "timestep, output"

    @classmethod
    def of(cls, name: str) -> "Part":
        """The part to which the parameter of this name belongs.

        Raises:
            ValueError: to none.
        """
        found = next((part for piece, part in _PIECES.items() if piece in name), None)
        if found is None:
            raise ValueError(f"parameter {name} belongs to no part of the model; add it to {__name__}")
        return found

    def is_trained(self, trainable: "Trainable") -> bool:
        """Whether a training phase changes the weights of this part."""
        return any(trainable.admits(piece) for piece, part in _PIECES.items() if part is self)


_PIECES: Final = {
    # Of HunyuanVideo, by the names of its checkpoints; its parts contain layers of the names below.
    "context_embedder.": Part.TEXT_ATTENTION,
    "time_text_embed.": Part.REST,
    "x_embedder.": Part.PATCH_EMBEDDING,
    ".norm1_context.": Part.MODULATION,
    ".norm.linear.": Part.MODULATION,
    ".attn.": Part.SELF_ATTENTION,
    ".ff_context.": Part.MLP,
    ".proj_mlp.": Part.MLP,
    "high.proj_out.": Part.REST,  # of Wan's two networks, for in HunyuanVideo a block has one
    "low.proj_out.": Part.REST,
    ".proj_out.": Part.MLP,
    "patch_embedding.": Part.PATCH_EMBEDDING,
    "self_attention.": Part.SELF_ATTENTION,
    "text_norm.": Part.TEXT_ATTENTION,
    "text_attention.": Part.TEXT_ATTENTION,
    "personalization_norm.": Part.PERSONALIZATION,
    "personalization_attention.": Part.PERSONALIZATION,
    ".mlp.": Part.MLP,
    ".modulation.": Part.MODULATION,
    "binding.": Part.BINDING,
    "timestep_embedding.": Part.REST,
    "final_modulation.": Part.REST,
    "to_velocity.": Part.REST,
    # Of CogVideoX, by the names of its checkpoints.
    "patch_embed.proj.": Part.PATCH_EMBEDDING,
    "patch_embed.text_proj.": Part.TEXT_ATTENTION,
    ".norm1.": Part.MODULATION,
    ".norm2.linear.": Part.MODULATION,
    ".norm2.norm.": Part.MODULATION,
    ".ff.": Part.MLP,
    "time_embedding.": Part.REST,
    "norm_final.": Part.REST,
    "norm_out.": Part.REST,
    # Of LTX-Video, by the names of its checkpoints.
    "proj_in.": Part.PATCH_EMBEDDING,
    "caption_projection.": Part.TEXT_ATTENTION,
    "time_embed.linear.": Part.MODULATION,
    "time_embed.emb.": Part.REST,
    # Of Wan, by the names of its checkpoints.
    ".attn1.": Part.SELF_ATTENTION,
    ".attn2.": Part.TEXT_ATTENTION,
    ".norm2.": Part.TEXT_ATTENTION,
    ".text_embedder.": Part.TEXT_ATTENTION,
    ".ffn.": Part.MLP,
    ".time_proj.": Part.MODULATION,
    "scale_shift_table": Part.MODULATION,
    ".time_embedder.": Part.REST,
    "proj_out.": Part.REST,
}

# What the second training phase adds to the model (3.2): everything else is the video backbone.
_NEW_LAYERS: Final = frozenset({Part.BINDING, Part.PERSONALIZATION})


class Trainable(StrEnum):
    """Which weights a training phase changes."""

    BACKBONE = "backbone"
    NEW_LAYERS = "new_layers"
    ALL = "all"
    ADAPTERS = "adapters"
    NEW_LAYERS_AND_ADAPTERS = "new_layers_and_adapters"

    def admits(self, name: str) -> bool:
        """Whether the parameter of this name is trained."""
        if is_adapter(name):
            return self.has_adapters
        if self in (Trainable.ALL, Trainable.ADAPTERS):
            return self is Trainable.ALL
        return (Part.of(name) in _NEW_LAYERS) == (self is not Trainable.BACKBONE)

    @property
    def has_adapters(self) -> bool:
        """Whether adapters are among them."""
        return self in (Trainable.ADAPTERS, Trainable.NEW_LAYERS_AND_ADAPTERS)

    @property
    def has_new_layers_alone(self) -> bool:
        """Whether they are the new layers, and nothing of the model's own but those."""
        return self in (Trainable.NEW_LAYERS, Trainable.NEW_LAYERS_AND_ADAPTERS)


def is_adapter(parameter: str) -> bool:
    """Whether the parameter of this name belongs to an adapter (`lora.py`), not to the model itself."""
    return ".lora_A." in parameter or ".lora_B." in parameter
