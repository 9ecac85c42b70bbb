"""What training minimises (3.2), and the figure that tells whether references are used at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss

from modeling.data.batches import Batch
from modeling.encoders import Encoders, TextTokens
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions
from modeling.randomness import torch_generator
from modeling.sampling.condition_encoding import bind_conditions, is_read
from modeling.sampling.flow import TimestepDistribution, data_estimate, draw_timesteps, noisy_latents

# Noise levels of the reference gain. References help first where the noisy latents already show the place (0.3), and
# last where they show nothing (0.9).
GAIN_TIMESTEPS = (0.3, 0.6, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedBatch:
    """A batch as the model sees it."""

    latents: Float[Tensor, "batch channels time height width"]
    conditions: Conditions


class ReferenceLosses(NamedTuple):
    """The loss without reference images and with them, of the same clips, noise and timestep."""

    without_references: float
    with_references: float

    @property
    def gain(self) -> float:
        """What the references are worth: above zero as soon as the model uses them."""
        return self.without_references - self.with_references

    @property
    def gain_share(self) -> float:
        """The gain as a share of the loss without references, to compare noise levels and runs."""
        return self.gain / self.without_references


@torch.no_grad()
def encode_batch(
    batch: Batch,
    encoders: Encoders,
    *,
    words_per_image: int,
    null_text: TextTokens | None = None,
    device: torch.device,
) -> EncodedBatch:
    """Latents and conditions, with the batch's dropped texts in place of their captions.

    A batch from the cache touches neither the autoencoder nor the text encoder. Our choice: a reference image whose
    word lies behind what the text encoder reads is left out; bound to no word, it would teach the model to show
    pictures that the text does not ask for.
    """
    texts, latents = batch.texts(), batch.latents()
    if texts is None:
        texts = encoders.text.encode([example.caption for example in batch.examples])
    conditions = bind_conditions(
        texts,
        [
            [image for image in example.images if is_read(text, image)]
            for text, example in zip(texts, batch.examples, strict=True)
        ],
        image_encoder=encoders.image,
        words_per_image=words_per_image,
        null_text=null_text,
        device=device,
    )
    is_dropped = torch.tensor([example.drops_text for example in batch.examples], device=device)
    return EncodedBatch(
        latents=encoders.autoencoder.encode(batch.videos().to(device, non_blocking=True))
        if latents is None
        else latents.to(device, non_blocking=True),
        conditions=conditions.without_text(is_dropped),
    )


def velocity_loss(
    model: VideoBackbone,
    batch: EncodedBatch,
    *,
    noise: Tensor,
    timesteps: Float[Tensor, " batch"],
    shows_estimate: bool,
) -> Float[Tensor, ""]:
    """Mean squared error of the predicted velocity (rectified flow, 3.2).

    Args:
        model: predicts.
        batch: data and conditions.
        noise: of the latents' shape.
        timesteps: one for each clip.
        shows_estimate: predict twice, and show the model its own first estimate of the data (self-conditioning).
    """
    noisy = noisy_latents(batch.latents, noise, timesteps)
    estimate = None
    if shows_estimate:
        with torch.no_grad():
            estimate = data_estimate(noisy, model(noisy, timesteps, batch.conditions), timesteps)
        # Older versions of torch would go on with weights that were rounded here, and give them no gradients
        # (pytorch/pytorch#112583).
        torch.clear_autocast_cache()
    velocity = model(noisy, timesteps, batch.conditions, estimate)
    return mse_loss(velocity, noise - batch.latents)


@torch.no_grad()
def clip_losses(
    model: VideoBackbone, batch: EncodedBatch, *, noise: Tensor, timestep: float
) -> Float[Tensor, " batch"]:
    """The loss of every clip by itself, all at one timestep, without self-conditioning."""
    timesteps = torch.full((len(noise),), timestep, device=noise.device)
    velocity = model(noisy_latents(batch.latents, noise, timesteps), timesteps, batch.conditions)
    return (velocity - (noise - batch.latents)).square().flatten(start_dim=1).mean(dim=1)


def draw_noise(
    latents: Float[Tensor, "batch channels time height width"], places: tuple[int, ...], *, seed: int, step: int
) -> Float[Tensor, "batch channels time height width"]:
    """The noise of a step: of each clip's own place in the batch, however many ranks share it."""
    shape = latents.shape[1:]
    noise = [torch.randn(shape, generator=torch_generator("noise", seed, step, place)) for place in places]
    return torch.stack(noise).to(latents.device)


def draw_batch_timesteps(  # the distribution's side and the step's
    places: tuple[int, ...],
    *,
    distribution: TimestepDistribution,
    shift: float,
    seed: int,
    step: int,
    ranges: Sequence[tuple[float, float]] = ((0.0, 1.0),),
) -> Float[Tensor, " batch"]:
    """The timesteps of a step, one for each place in the batch, all of one range.

    Our choice: of several ranges, each with a network of its own, a step takes the one in which a timestep of its own
    lies, and draws again what lies elsewhere. Every timestep is then as frequent as in the distribution, and every
    device runs the same network.
    """

    def draw(name: str, *place: int) -> Iterator[Tensor]:
        generator = torch_generator(name, seed, step, *place)
        while True:
            yield draw_timesteps(distribution, shift=shift, count=1, generator=generator)

    first = next(draw("range")).item() if len(ranges) > 1 else 0.0
    chosen = next(each for each in ranges if _lies_in(each, first))
    return torch.cat([next(t for t in draw("timestep", place) if _lies_in(chosen, t.item())) for place in places])


def _lies_in(span: tuple[float, float], timestep: float) -> bool:
    start, end = span
    return start <= timestep < end or timestep == end == 1


@torch.no_grad()
def reference_losses(
    model: VideoBackbone, batch: EncodedBatch, places: tuple[int, ...], *, seed: int
) -> dict[str, ReferenceLosses]:
    """Loss without the reference images and with them, for each noise level, at fixed noise.

    The difference rises above zero when the model begins to use its references, long before a sample shows it.

    Args:
        model: predicts.
        batch: clips with their references.
        places: of the clips in their step's batch; the noise is that of these places in step 0.
        seed: of the run.
    """
    noise = draw_noise(batch.latents, places, seed=seed, step=0)
    without = EncodedBatch(latents=batch.latents, conditions=batch.conditions.without_references())
    was_training = model.training
    model.eval()
    found = {}
    for timestep in GAIN_TIMESTEPS:
        timesteps = torch.full((len(noise),), timestep, device=noise.device)
        losses = [
            velocity_loss(model, told, noise=noise, timesteps=timesteps, shows_estimate=False).item()
            for told in (without, batch)
        ]
        found[str(timestep)] = ReferenceLosses(*losses)
    model.train(was_training)
    return found
