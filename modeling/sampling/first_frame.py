"""A video that begins with a given frame, by a model that was trained with one or without.

Our choice, for the paper is silent: without, the first latents go straight from their noise to those of the frame,
whatever the model says of them. In training they lie on that way too, so at every timestep the model sees the frame as
noisy as the rest; and because the velocity on it is constant, every solver follows it exactly.

A model that was trained to begin with latents without noise (`reads_clean_first_frames`) is given them so: they stand
in place of their noise from the start, and the way from there to them is none.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from dataset_schema import Bucket
from modeling.sampling.solvers import Velocity
from picture_reading.showing import on_white

# Of one clip.
FirstLatents = Float[Tensor, "channels 1 height width"]


def fitted(picture: Image.Image, bucket: Bucket) -> UInt8[Tensor, "height width 3"]:
    """The picture as a frame: on white, scaled and centre-cropped to the bucket, as clips are in training."""
    frame = ImageOps.fit(on_white(picture), (bucket.width, bucket.height), method=Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(frame))


def with_first(
    noise: Float[Tensor, "batch channels time height width"], first: Sequence[FirstLatents | None]
) -> Float[Tensor, "batch channels time height width"]:
    """The noise with the given latents in its place, where `holding_first` then keeps them."""
    begun = noise.clone()
    for clip, latents in enumerate(first):
        if latents is not None:
            begun[clip, :, :1] = latents
    return begun


def holding_first(
    velocity: Velocity,
    noise: Float[Tensor, "batch channels time height width"],
    first: Sequence[FirstLatents | None],
) -> Velocity:
    """The velocity that leads the first latents of some clips to given ones.

    Args:
        velocity: of the model.
        noise: where the ways begin.
        first: what each clip is to begin with; None leaves it to the model.
    """
    ways = [(clip, noise[clip, :, :1] - latents) for clip, latents in enumerate(first) if latents is not None]

    def held(latents: Tensor, timestep: float) -> Tensor:
        found = velocity(latents, timestep).clone()
        for clip, way in ways:
            found[clip, :, :1] = way
        return found

    return held if ways else velocity
