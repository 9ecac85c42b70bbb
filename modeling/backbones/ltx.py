"""LTX-Video text-to-video as the backbone: where its weights are published; `ltx_network.py` is the model itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from modeling.backbones.ltx_shape import LTXShape
from modeling.backbones.published import PublishedConfig
from modeling.model.backbone import VideoBackbone
from storage.configs import strict
from storage.libraries import library

# What no LTX-Video has otherwise, by diffusers' names, and what they are where a config does not say.
_ALWAYS: Final = {
    "patch_size": 1,
    "patch_size_t": 1,
    "activation_fn": "gelu-approximate",
    "qk_norm": "rms_norm_across_heads",
    "norm_elementwise_affine": False,
    "norm_eps": 1e-6,
    "attention_bias": True,
    "attention_out_bias": True,
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LTXConfig(LTXShape, PublishedConfig):
    """A published LTX-Video, whose weights stay as they are, with personalization layers between its own (3.2).

    It needs the extra `paper-encoders`. LTX-Video has a licence of its own, to be accepted by its user.

    Attributes:
        checkpoint: in diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision.
        digest: of the files of its transformer (`storage.checkpoints.files_hash`), written by training, so that nobody
            puts the new layers into another model later. None takes what is there.
    """

    profile: Literal["ltx"] = "ltx"
    checkpoint: str = "Lightricks/LTX-Video"
    digest: str | None = None

    def build(self) -> VideoBackbone:
        """The model.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
        """
        library("diffusers", extra="paper-encoders")
        from modeling.backbones.ltx_network import LTXBackbone

        return LTXBackbone(self)

    def _stated(self) -> Mapping[str, object]:
        return {
            "_class_name": "LTXVideoTransformer3DModel",
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_channels,
            "cross_attention_dim": self.width,
            "num_layers": self.blocks,
            "in_channels": self.latent_channels,
            "out_channels": self.latent_channels,
            "caption_channels": self.text_channels,
            **_ALWAYS,
        }

    def _silent(self) -> Mapping[str, object]:
        return _ALWAYS
