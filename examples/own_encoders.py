"""Encoders of one's own: a reference image is its mean color.  python -m examples.own_encoders DATASET OUTPUT"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from PIL import Image

import modeling
from picture_reading.showing import on_white


class MeanColor:  # what `modeling.ImageEncoder` asks for
    def encode(self, images: Sequence[Image.Image]) -> torch.Tensor:
        pixels = [on_white(image).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) for image in images]
        return torch.tensor(pixels)[:, None] / 127.5 - 1


@dataclass(frozen=True, kw_only=True)
class ColorEncoders:
    """What `modeling.EncodersConfig` asks for; text and latents are those of the embedded encoders."""

    text_channels: int = 64
    max_text_tokens: int = 64
    image_channels: int = 3
    image_tokens: int = 1
    latents: modeling.LatentGeometry = field(default_factory=modeling.LatentGeometry)

    def build(self) -> modeling.Encoders:
        usual = modeling.EmbeddedEncoders(text_channels=self.text_channels, max_text_tokens=self.max_text_tokens)
        return replace(usual.build(), image=MeanColor())


if __name__ == "__main__":
    from examples.own_encoders import ColorEncoders as Own  # a pipeline names the module, which is not the script

    pipeline = modeling.PipelineConfig(model=replace(modeling.tiny().pipeline.model, image_channels=3), encoders=Own())
    modeling.train(replace(modeling.tiny(steps=2), pipeline=pipeline), dataset=sys.argv[1], output=sys.argv[2])
