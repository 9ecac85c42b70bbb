"""CogVideoX text-to-video as the backbone: where its weights are published; `cogvideox_network.py` is the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from modeling.backbones.cogvideox_schedule import PREDICTION, SCHEDULE
from modeling.backbones.cogvideox_shape import CogVideoXShape
from modeling.backbones.published import PublishedConfig, expect_stated
from modeling.model.backbone import VideoBackbone
from storage.checkpoints import checkpoint_parts, read_json
from storage.configs import strict
from storage.libraries import library

# What neither the 2B nor the 5B has otherwise, by diffusers' names, and what they are where a config does not say;
# image-to-video models have twice the channels, and learned positions or an `ofs`.
_ALWAYS: Final = {
    "patch_size": 2,
    "patch_size_t": None,
    "patch_bias": True,
    "ofs_embed_dim": None,
    "use_learned_positional_embeddings": False,
    "sample_height": 60,
    "sample_width": 90,
    "temporal_compression_ratio": 4,
    "spatial_interpolation_scale": 1.875,
    "temporal_interpolation_scale": 1.0,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "dropout": 0.0,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "timestep_activation_fn": "silu",
    "norm_elementwise_affine": True,
    "norm_eps": 1e-5,
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXConfig(CogVideoXShape, PublishedConfig):
    """A published CogVideoX, whose weights stay as they are, with personalization layers between its own (3.2).

    It needs the extra `paper-encoders`. The 2B is Apache-2.0; the 5B has a licence of its own, to be accepted by its
    user.

    Attributes:
        checkpoint: in diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision.
        digest: of the files of its transformer (`storage.checkpoints.files_hash`), written by training, so that nobody
            puts the new layers into another model later. None takes what is there.
    """

    profile: Literal["cogvideox"] = "cogvideox"
    checkpoint: str = "THUDM/CogVideoX-2b"
    digest: str | None = None

    def build(self) -> VideoBackbone:
        """The model.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
        """
        library("diffusers", extra="paper-encoders")
        from modeling.backbones.cogvideox_network import CogVideoXBackbone

        return CogVideoXBackbone(self)

    def _stated(self) -> Mapping[str, object]:
        return {
            "_class_name": "CogVideoXTransformer3DModel",
            "num_attention_heads": self.heads,
            "attention_head_dim": self.head_channels,
            "num_layers": self.blocks,
            "time_embed_dim": self.timestep_channels,
            "in_channels": self.latent_channels,
            "out_channels": self.latent_channels,
            "text_embed_dim": self.text_channels,
            "max_text_seq_length": self.text_tokens,
            "use_rotary_positional_embeddings": self.is_rotary,
            **_ALWAYS,
        }

    def _silent(self) -> Mapping[str, object]:
        return _ALWAYS

    def _check(self, folder: Path) -> None:
        """Of the transformer, and of the noise that it was trained on, which stands in the part `scheduler`."""
        if read_json(folder, "config.json").get("patch_size_t") is not None:
            raise ValueError(
                f"base {folder} is a CogVideoX 1.5, whose patches are two latents long; expected a CogVideoX of one, "
                "such as THUDM/CogVideoX-2b or THUDM/CogVideoX-5b"
            )
        PublishedConfig._check(self, folder)
        scheduler = checkpoint_parts(self.checkpoint, ["scheduler"]) / "scheduler"
        found = {**SCHEDULE, "snr_shift_scale": 3.0, **read_json(scheduler, "scheduler_config.json")}
        expect_stated(scheduler, found, {**SCHEDULE, **PREDICTION, "snr_shift_scale": self.snr_shift_scale})
