"""Wan 2.1 text-to-video as the backbone: where its weights are published; `wan_network.py` is the model itself."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from modeling.backbones.wan_shape import WanShape
from modeling.model.backbone import BackboneConfig, VideoBackbone
from modeling.model.weight_files import NamedWeights, read_file
from storage.checkpoints import checkpoint_folder, files_hash, read_json
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

_SHOWN_DIGITS: Final = 12


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanConfig(WanShape):
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

    @property
    def is_published(self) -> bool:
        """All but the new layers."""
        return True

    def build(self) -> VideoBackbone:
        """The model.

        Raises:
            ModuleNotFoundError: diffusers is not installed.
        """
        library("diffusers", extra="paper-encoders")
        from modeling.backbones.wan_network import WanBackbone

        return WanBackbone(self)

    def at_place_of(self, other: BackboneConfig) -> "WanConfig":
        """The same at the other's checkpoint; the digest stays, and tells whether that is the same one."""
        return replace(self, checkpoint=other.checkpoint) if isinstance(other, WanConfig) else self

    def pinned(self) -> "WanConfig":
        """The same with the digest of what is published there now, if it has none yet."""
        return self if self.digest is not None else replace(self, digest=files_hash(self._folder()))

    def published_weights(self) -> NamedWeights:
        """Those of the transformer, by their published names, which the model's own are too.

        Raises:
            FileNotFoundError: the checkpoint is nowhere to be had.
            ValueError: it has another shape, or is another one than this config is pinned to.
        """
        folder = self._folder()
        self._expect_shape(folder, read_json(folder, "config.json"))
        if self.digest is not None and (found := files_hash(folder)) != self.digest:
            raise ValueError(
                f"base {folder} has other files (digest {found[:_SHOWN_DIGITS]}) than the one that the new layers were "
                f"trained on ({self.digest[:_SHOWN_DIGITS]}); name that one as the model's checkpoint, with its "
                "revision if it is on the hub"
            )
        return (weight for path in sorted(folder.glob("*.safetensors")) for weight in read_file(path))

    def _folder(self) -> Path:
        return checkpoint_folder(self.checkpoint, subfolder="transformer")

    def _expect_shape(self, folder: Path, found: dict[str, Any]) -> None:
        expected = {
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
        said = {**_ALWAYS, **found}
        differences = [
            f"{name} {said.get(name)!r}, expected {value!r}"
            for name, value in expected.items()
            if said.get(name) != value
        ]
        if differences:
            raise ValueError(
                f"base {folder} has {'; '.join(differences)}; give the model (run.pipeline.model) the shape of its "
                "checkpoint, or name the checkpoint of this shape"
            )
