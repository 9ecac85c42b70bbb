"""Encoders of one's own: of each patch of a reference image the model is told its mean color.

python -m examples.own_encoders DATASET OUTPUT
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

import modeling


class MeanColors:
    """What `modeling.ImageEncoder` asks for."""

    def __init__(self, side: int) -> None:
        self.side = side

    def encode(self, images: Sequence[Image.Image]) -> torch.Tensor:
        small = [image.convert("RGB").resize((self.side, self.side), Image.Resampling.BOX) for image in images]
        return torch.from_numpy(np.stack(small)).flatten(1, 2) / 127.5 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorEncoders:
    """What `modeling.EncodersConfig` asks for; the autoencoder and the text encoder are the embedded ones."""

    patches_a_side: int = 4
    text_channels: int = 64
    max_text_tokens: int = 64
    image_channels: int = 3

    @property
    def image_tokens(self) -> int:
        return self.patches_a_side**2

    def build(self) -> modeling.Encoders:
        usual = modeling.EmbeddedEncoders(text_channels=self.text_channels, max_text_tokens=self.max_text_tokens)
        return replace(usual.build(), image=MeanColors(self.patches_a_side))


def run_config(steps: int) -> modeling.RunConfig:
    tiny, encoders = modeling.tiny(steps=steps), ColorEncoders()
    model = replace(tiny.pipeline.model, image_channels=encoders.image_channels)
    return replace(tiny, pipeline=replace(tiny.pipeline, model=model, encoders=encoders))


if __name__ == "__main__":
    from examples import own_encoders  # saved pipelines name the class by its module, which is not the script

    print(modeling.train(own_encoders.run_config(steps=2), dataset=sys.argv[1], output=sys.argv[2]))
