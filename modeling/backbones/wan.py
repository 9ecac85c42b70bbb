"""Wan 2.1 text-to-video as the backbone: where its weights are published; `wan_network.py` is the model itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from modeling.backbones.published import PublishedConfig
from modeling.backbones.wan_shape import WanShape
from modeling.model.backbone import VideoBackbone
from storage.configs import strict
from storage.libraries import library

_CLASS: Final = "WanTransformer3DModel"

# What no Wan 2.1 for text to video has otherwise, by diffusers' names, and what they are where a config does not say;
# image-to-video models have images beside their text.
_ALWAYS: Final = {
    "patch_size": [1, 2, 2],
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "eps": 1e-6,
    "image_dim": None,
    "added_kv_proj_dim": None,
    "rope_max_seq_len": 1024,
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class UnpublishedWan(WanShape):
    """The same network before it is published: all of its weights are trained here, and stand in files.

    A run of it starts from a pipeline, because this library draws new layers alone.
    """

    profile: Literal["unpublished_wan"] = "unpublished_wan"

    def build(self) -> VideoBackbone:
        """The model.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
        """
        return _network(self)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanConfig(WanShape, PublishedConfig):
    """A published Wan 2.1, whose weights stay as they are, with personalization layers between its own (3.2).

    It needs the extra `paper-encoders`. Wan 2.1 is Apache-2.0.

    Attributes:
        checkpoint: in diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision.
        digest: of the files of its transformer (`storage.checkpoints.files_hash`), written by training, so that nobody
            puts the new layers into another model later. None takes what is there.
    """

    profile: Literal["wan"] = "wan"
    checkpoint: str = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
    digest: str | None = None

    def build(self) -> VideoBackbone:
        """The model.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
        """
        return _network(self)

    def _stated(self) -> Mapping[str, object]:
        return {
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_channels,
            "num_layers": self.blocks,
            "ffn_dim": self.mlp_width,
            "freq_dim": self.timestep_channels,
            "in_channels": self.latent_channels,
            "out_channels": self.latent_channels,
            "text_dim": self.text_channels,
            "_class_name": _CLASS,
            **_ALWAYS,
        }

    def _silent(self) -> Mapping[str, object]:
        return _ALWAYS


def _network(config: WanShape) -> VideoBackbone:
    library("diffusers", extra="paper-encoders")
    from modeling.backbones.wan_network import WanBackbone

    return WanBackbone(config)
