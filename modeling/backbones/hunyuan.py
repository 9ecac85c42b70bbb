"""HunyuanVideo text-to-video as the backbone: where its weights are published; `hunyuan_network.py` is the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from modeling.backbones.hunyuan_shape import HunyuanShape
from modeling.backbones.published import PublishedConfig
from modeling.model.backbone import VideoBackbone
from storage.configs import strict
from storage.libraries import library

# What no HunyuanVideo for text to video has otherwise, by diffusers' names, and what they are where a config does not
# say; image-to-video models have more channels, or the image in place of a frame.
_ALWAYS: Final = {
    "patch_size": 2,
    "patch_size_t": 1,
    "mlp_ratio": 4.0,
    "qk_norm": "rms_norm",
    "rope_theta": 256.0,
    "image_condition_type": None,
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class HunyuanConfig(HunyuanShape, PublishedConfig):
    """A published HunyuanVideo, whose weights stay as they are, with personalization layers between its own (3.2).

    It needs the extra `paper-encoders`. Its weights are under the Tencent Hunyuan Community License, which does not
    apply in the European Union, the United Kingdom and South Korea, so there nobody may use them; what else it asks is
    to be accepted by its user.

    Attributes:
        checkpoint: in diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision.
        digest: of the files of its transformer (`storage.checkpoints.files_hash`), written by training, so that nobody
            puts the new layers into another model later. None takes what is there.
    """

    profile: Literal["hunyuan"] = "hunyuan"
    checkpoint: str = "hunyuanvideo-community/HunyuanVideo"
    digest: str | None = None

    def build(self) -> VideoBackbone:
        """The model.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
        """
        library("diffusers", extra="paper-encoders")
        from modeling.backbones.hunyuan_network import HunyuanBackbone

        return HunyuanBackbone(self)

    def _stated(self) -> Mapping[str, object]:
        return {
            "_class_name": "HunyuanVideoTransformer3DModel",
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_channels,
            "num_layers": self.dual_blocks,
            "num_single_layers": self.single_blocks,
            "num_refiner_layers": self.refiner_blocks,
            "in_channels": self.latent_channels,
            "out_channels": self.latent_channels,
            "text_embed_dim": self.text_channels,
            "pooled_projection_dim": self.pooled_channels,
            "rope_axes_dim": list(self.rotated_channels),
            "guidance_embeds": self.embedded_guidance is not None,
            **_ALWAYS,
        }

    def _silent(self) -> Mapping[str, object]:
        return _ALWAYS
