"""Wan text-to-video as the backbone: where its weights are published; `wan_network.py` is the model itself."""

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
_PIPELINE: Final = "model_index.json"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WanConfig(WanShape):
    """A published Wan 2.1, or 2.2's A14B, with personalization layers between its own, which stay as they are (3.2).

    It needs the extra `paper-encoders`. Wan is Apache-2.0.

    Attributes:
        checkpoint: in diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision.
        digest: of the files of its transformers (`storage.checkpoints.files_hash`), written by training, so that nobody
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
        from modeling.backbones.wan_experts import WanExperts
        from modeling.backbones.wan_network import WanBackbone

        return WanBackbone(self) if self.boundary is None else WanExperts(self)

    def at_place_of(self, other: BackboneConfig) -> "WanConfig":
        """The same at the other's checkpoint; the digest stays, and tells whether that is the same one."""
        return replace(self, checkpoint=other.checkpoint) if isinstance(other, WanConfig) else self

    def pinned(self) -> "WanConfig":
        """The same with the digest of what is published there now, if it has none yet."""
        return self if self.digest is not None else replace(self, digest=files_hash(*self.transformers().values()))

    def published_weights(self) -> NamedWeights:
        """Those of the transformers, by their published names, which the model's own are too, below their prefix.

        Raises:
            FileNotFoundError: the checkpoint is nowhere to be had.
            ValueError: it has another shape, or is another one than this config is pinned to.
        """
        folders = self.transformers()
        for folder in folders.values():
            self._expect_shape(folder, read_json(folder, "config.json"))
            self._expect_boundary(folder.parent)
        if self.digest is not None and (found := files_hash(*folders.values())) != self.digest:
            places = " and ".join(map(str, folders.values()))
            raise ValueError(
                f"base {places} has other files (digest {found[:_SHOWN_DIGITS]}) than the one that the new layers were "
                f"trained on ({self.digest[:_SHOWN_DIGITS]}); name that one as the model's checkpoint, with its "
                "revision if it is on the hub"
            )
        return (
            (f"{prefix}{name}", weight)
            for prefix, folder in folders.items()
            for path in sorted(folder.glob("*.safetensors"))
            for name, weight in read_file(path)
        )

    def transformers(self) -> dict[str, Path]:
        """The folders of its networks, by what the names of the model's weights have before the published ones.

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

    def _expect_boundary(self, base: Path) -> None:
        """Raise where the whole pipeline lies there and says otherwise."""
        found = read_json(base, _PIPELINE).get("boundary_ratio") if (base / _PIPELINE).is_file() else self.boundary
        if found != self.boundary:
            raise ValueError(
                f"base {base} has boundary_ratio {found}, expected {self.boundary}; set the model's boundary to it"
            )

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
