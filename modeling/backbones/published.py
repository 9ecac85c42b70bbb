"""What the configs of published models have in common: where the weights are, and whether they are the right ones."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from modeling.model.backbone import BackboneConfig
from modeling.model.weight_files import NamedWeights, read_file
from storage.checkpoints import checkpoint_folder, files_hash, read_json

Config = TypeVar("Config", bound="PublishedConfig")

_SHOWN_DIGITS: Final = 12


class PublishedConfig(BackboneConfig):
    """A config of a model that is published in diffusers' form, and stays as it is but for new layers.

    What its `build` gives has weights of the published names.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def checkpoint(self) -> str:
        """In diffusers' form: a folder, or a name on the Hugging Face hub, optionally with `@` and a revision."""

    @property
    @abstractmethod
    def digest(self) -> str | None:
        """Of the files of its transformer (`storage.checkpoints.files_hash`), written by training.

        So nobody puts the new layers into another model later. None takes what is there.
        """

    @abstractmethod
    def _stated(self) -> Mapping[str, object]:
        """What the transformer's `config.json` must say."""

    @abstractmethod
    def _silent(self) -> Mapping[str, object]:
        """What holds where that file says nothing."""

    @property
    def is_published(self) -> bool:
        """All but the new layers."""
        return True

    def pinned(self: Config) -> Config:
        """The same with the digest of what is published there now, if it has none yet."""
        if self.digest is not None:
            return self
        return cast("Config", replace(cast("Any", self), digest=files_hash(*self.transformers().values())))

    def at_place_of(self: Config, other: BackboneConfig) -> Config:
        """The same at the other's checkpoint; the digest stays, and tells whether that is the same one."""
        if not isinstance(other, type(self)):
            return self
        return cast("Config", replace(cast("Any", self), checkpoint=other.checkpoint))

    def published_weights(self) -> NamedWeights:
        """Those of the transformers, by their published names, which the model's own are too, below their prefix.

        Raises:
            FileNotFoundError: the checkpoint is nowhere to be had.
            ValueError: it has another shape, or is another one than this config is pinned to.
        """
        folders = self.transformers()
        for folder in folders.values():
            self._check(folder)
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
        return {"": checkpoint_folder(self.checkpoint, subfolder="transformer")}

    def _check(self, folder: Path) -> None:
        expect_stated(folder, {**self._silent(), **read_json(folder, "config.json")}, self._stated())


def expect_stated(folder: Path, found: Mapping[str, object], expected: Mapping[str, object]) -> None:
    """Refuse a base that says something else of itself.

    Args:
        folder: of a part of the base.
        found: what its config says.
        expected: what it must say.

    Raises:
        ValueError: it does not; the message names every difference.
    """
    differences = [
        f"{name} {found.get(name)!r}, expected {value!r}"
        for name, value in expected.items()
        if found.get(name) != value
    ]
    if differences:
        raise ValueError(
            f"base {folder} has {'; '.join(differences)}; give the model (run.pipeline.model) the shape of its "
            "checkpoint, or name the checkpoint of this shape"
        )
