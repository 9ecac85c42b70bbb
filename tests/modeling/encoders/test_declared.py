"""Own encoders that do not give what their config says are told so by the first clip, picture or text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dataset_schema import Bucket
from modeling.encoders import EmbeddedEncoders, Encoders, LatentGeometry, TextTokens, build_encoders
from modeling.encoders.dct_codec import DctCodec
from modeling.model.dit import DiTConfig
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.loop import train
from tests.modeling.encoders.coarse_encoders import CoarseEncoders, MeanColorBlocks
from tests.modeling.training.small_runs import run_config

MakeDataset = Callable[..., Path]


@dataclass(frozen=True)
class Wrong(CoarseEncoders):
    """Coarse encoders, some of whose parts are others."""

    parts: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Encoders:
        return replace(super().build(), **self.parts)


@dataclass(frozen=True, kw_only=True)
class WronglyDeclared(CoarseEncoders):
    """They have another autoencoder than they say."""

    def build(self) -> Encoders:
        return replace(super().build(), autoencoder=DctCodec())


class InFloats(MeanColorBlocks):
    def decode(self, latents: Tensor) -> Tensor:
        return super().decode(latents) / 255


class OneText:
    version = "one"
    max_tokens = 9

    def spans(self, texts: Sequence[str]) -> list[Any]:
        return [((0, 1),) for _ in texts]

    def encode(self, texts: Sequence[str]) -> list[TextTokens]:
        return [TextTokens(embeddings=torch.zeros(1, 8), spans=((0, 1),))]


class FourTokens:
    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        return torch.zeros(len(images), 4, 64)


def test_latents_of_another_geometry_are_told_with_both() -> None:
    encoders = build_encoders(Wrong(parts={"autoencoder": DctCodec()}))

    with pytest.raises(
        ValueError,
        match=r"autoencoder of Wrong encodes 2x9x32x64x3 as float32 of 2x16x3x4x8, expected floats of 2x48x3x2x4, as "
        r"its config says; mend the one or the other",
    ):
        encoders.autoencoder.encode(torch.zeros(2, 9, 32, 64, 3, dtype=torch.uint8))


def test_a_decoded_video_must_be_pixels() -> None:
    encoders = build_encoders(Wrong(parts={"autoencoder": InFloats()}))

    with pytest.raises(ValueError, match=r"decodes 1x48x3x2x4 as float32 of 1x9x32x64x3, expected uint8 of"):
        encoders.autoencoder.decode(torch.zeros(1, 48, 3, 2, 4))


def test_texts_and_images_are_held_to_the_config_too() -> None:
    encoders = build_encoders(Wrong(parts={"text": OneText(), "image": FourTokens()}))

    with pytest.raises(
        ValueError, match=r"text encoder of Wrong encodes 'A dog\.' as float32 of 1x8, expected .* 1x64"
    ):
        encoders.text.encode(["A dog."])
    with pytest.raises(ValueError, match="text encoder of Wrong makes 1 of 2 texts, expected as many"):
        encoders.text.encode(["A dog.", "A cat."])
    with pytest.raises(
        ValueError, match=r"image encoder of Wrong encodes 2 images as float32 of 2x4x64, expected .* 2x16x64"
    ):
        encoders.image.encode([Image.new("RGB", (8, 8))] * 2)


def test_a_vector_that_the_config_does_not_state_is_refused() -> None:
    class WithVector(OneText):
        def encode(self, texts: Sequence[str]) -> list[TextTokens]:
            return [TextTokens(embeddings=torch.zeros(1, 64), spans=((0, 1),), pooled=torch.zeros(16)) for _ in texts]

    with pytest.raises(ValueError, match=r"encodes 'A dog\.' with pooled 16, expected None, as its config says"):
        build_encoders(Wrong(parts={"text": WithVector()})).text.encode(["A dog."])


def test_what_build_gives_must_be_encoders() -> None:
    class Nothing(CoarseEncoders):
        def build(self) -> Encoders:
            return None  # type: ignore[return-value]

    with pytest.raises(ValueError, match=r"Nothing\.build gives a NoneType, expected modeling\.Encoders"):
        build_encoders(Nothing())


def test_right_ones_give_what_they_gave_and_move_to_their_device() -> None:
    class Learned(MeanColorBlocks, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

    learned = Learned()
    encoders = build_encoders(Wrong(parts={"autoencoder": learned}))
    video = torch.randint(0, 256, (1, 9, 32, 64, 3), dtype=torch.uint8)

    assert torch.equal(encoders.autoencoder.encode(video), MeanColorBlocks().encode(video))
    assert encoders.autoencoder.version == "mean-color-blocks"
    encoders.to(torch.device("meta"))
    assert learned.scale.is_meta
    assert type(build_encoders(EmbeddedEncoders()).autoencoder) is DctCodec


def test_training_says_it_before_the_first_step(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = run_config()
    model = replace(run.pipeline.model, latent_channels=48)
    own = replace(run, pipeline=PipelineConfig(model=model, encoders=WronglyDeclared()))

    with pytest.raises(ValueError, match="autoencoder of WronglyDeclared encodes"):
        train(own, dataset=make_dataset({Bucket(9, 64, 96): 3}), output=tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_geometry_that_is_none_is_refused() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Loose(CoarseEncoders):
        @property
        def latents(self) -> LatentGeometry:
            return (48, 4, 16)  # type: ignore[return-value]

    with pytest.raises(ValueError, match=r"encoders\.latents is \(48, 4, 16\), expected a modeling\.LatentGeometry"):
        PipelineConfig(model=DiTConfig(latent_channels=48, text_channels=64, image_channels=64), encoders=Loose())
