"""Wan text-to-video as the backbone: where its weights are published; `wan_network.py` is the model itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from modeling.backbones.published import PublishedConfig, expect_stated
from modeling.backbones.wan_shape import WanShape
from modeling.model.backbone import VideoBackbone
from storage.checkpoints import checkpoint_file, checkpoint_folder, read_json
from storage.configs import strict
from storage.libraries import library

_CLASS: Final = "WanTransformer3DModel"

# What no Wan for text to video has otherwise, by diffusers' names, and what they are where a config does not say;
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

# What a whole pipeline says of itself, and what it means where it says nothing.
_PIPELINE: Final = "model_index.json"
_SILENT_PIPELINE: Final = {"boundary_ratio": None, "expand_timesteps": False}


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
    """A published Wan, with personalization layers between its own, which stay as they are (3.2).

    It is Wan 2.1, or of 2.2 the A14B or the TI2V-5B.
    It needs the extra `paper-encoders`. Wan is Apache-2.0.

    Attributes:
        checkpoint: in diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision.
        digest: of the files of its transformers (`storage.checkpoints.files_hash`), written by training, so that nobody
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

    def transformers(self) -> dict[str, Path]:
        """See `PublishedConfig`; of a model with a boundary two.

        Raises:
            FileNotFoundError: one of them is nowhere to be had.
        """
        names = {"": "transformer"} if self.boundary is None else {"high.": "transformer", "low.": "transformer_2"}
        folders = {
            prefix: checkpoint_folder(self.checkpoint, subfolder=subfolder) for prefix, subfolder in names.items()
        }
        if len(set(folders.values())) < len(folders):  # a folder may hold one part alone
            raise FileNotFoundError(
                f"base {self.checkpoint} has no {' and '.join(names.values())}, expected both for a model with a "
                "boundary; leave it out for a model of one network"
            )
        return folders

    def _check(self, folder: Path) -> None:
        """Of the transformer, and of the pipeline that it belongs to, where that is to be had: on the hub it is."""
        PublishedConfig._check(self, folder)
        index = checkpoint_file(self.checkpoint, _PIPELINE) or folder.parent / _PIPELINE
        if index.is_file():
            said = {**_SILENT_PIPELINE, **read_json(index.parent, _PIPELINE)}
            expected = {"boundary_ratio": self.boundary, "expand_timesteps": self.expands_timesteps}
            expect_stated(index.parent, said, expected)

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
    from modeling.backbones.wan_experts import WanExperts
    from modeling.backbones.wan_network import WanBackbone

    return WanBackbone(config) if config.boundary is None else WanExperts(config)
