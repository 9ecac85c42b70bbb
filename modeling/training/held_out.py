"""The loss on clips that training never sees: by bucket and timestep, without references and with them."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from dataset_schema import Bucket
from modeling.data.batches import Batch, BatchLoader
from modeling.data.store import SampleStore
from modeling.model.backbone import VideoBackbone
from modeling.model.precision import Precision, computing_in
from modeling.training.config import HeldOutConfig, is_due
from modeling.training.objective import GAIN_TIMESTEPS, EncodedBatch, clip_losses, draw_noise
from modeling.training.parallel import Team
from modeling.training.trained_on import TrainedOn

_logger = logging.getLogger(__name__)

# By bucket and timestep: `without_references`, and in phases that use them `with_references`.
HeldOutLosses = dict[str, dict[str, dict[str, float]]]

# Our choice: of so many videos a hundredth says something, and is not missed.
_LEAST_VIDEOS: Final = 1_000
_SHARE: Final = 0.01


def held_out_share(config: HeldOutConfig, store: SampleStore, checkpoint: Path | None) -> float:
    """The share of the videos that a run holds out: unless it says so, the one that its checkpoint began with."""
    if config.share is not None:
        return config.share
    if checkpoint is not None:
        return TrainedOn.held_out_share_of(checkpoint)
    videos = len(store.source_videos().dictionary)
    if videos >= _LEAST_VIDEOS:
        return _SHARE
    _logger.info(
        "the %d clips of dataset %s come from %d videos, fewer than %d: none is held out, unless "
        "training.held_out.share says so",
        len(store),
        store.dataset,
        videos,
        _LEAST_VIDEOS,
    )
    return 0.0


class HeldOutLoss:
    """Measures the loss on held-out clips, again and again on the same ones, at the same noise.

    Every device has full turns, as in training, so that no other shapes are compiled for it; where a bucket has fewer
    clips than places, what comes again does not count.

    Args:
        config: how many clips, and how often.
        loader: of the held-out clips.
        encode: makes of a batch what the model sees of it.
        precision: of the model.
        team: the processes that train.
    """

    def __init__(
        self,
        config: HeldOutConfig,
        loader: BatchLoader,
        *,
        encode: Callable[..., EncodedBatch],
        precision: Precision,
        team: Team,
    ) -> None:
        self._config = config
        self._loader = loader
        self._encode = encode
        self._precision = precision
        self._team = team

    def is_due(self, step: int, *, phase_step: int) -> bool:
        """Whether it is time after this step; after the first of a phase it is, so that the curve has a beginning."""
        every_steps = self._config.every_steps
        return is_due(step, every_steps=every_steps) or (every_steps > 0 and phase_step == 1)

    @torch.no_grad()
    def measure(self, model: VideoBackbone, *, with_references: bool) -> HeldOutLosses:
        """The mean over the clips of every bucket. All processes of a team must call this together."""
        was_training = model.training
        model.eval()
        with computing_in(self._precision, self._team.device):
            found = {
                str(bucket): self._of_bucket(model, bucket, with_references=with_references)
                for bucket in self._loader.clips_per_bucket
            }
        model.train(was_training)
        return found

    def _of_bucket(self, model: VideoBackbone, bucket: Bucket, *, with_references: bool) -> dict[str, dict[str, float]]:
        names = ("without_references", "with_references")[: 1 + with_references]
        sums = torch.zeros(len(GAIN_TIMESTEPS), len(names), device=self._team.device)
        counted = torch.zeros((), device=self._team.device)
        clips = self._loader.clips_per_bucket[bucket]
        for batch in self._loader.turns(bucket, least=self._config.clips, with_references=with_references):
            counts = torch.tensor([float(example.place < clips) for example in batch.examples]).to(sums)
            sums += (self._losses(model, batch, with_references=with_references) * counts).sum(dim=-1)
            counted += counts.sum()
        means = self._team.mean(sums) / self._team.mean(counted)
        rows = zip(GAIN_TIMESTEPS, means.tolist(), strict=True)
        return {str(timestep): dict(zip(names, row, strict=True)) for timestep, row in rows}

    def _losses(
        self, model: VideoBackbone, batch: Batch, *, with_references: bool
    ) -> Float[Tensor, "timesteps with_references clips"]:
        given = self._encode(batch, with_references=with_references)
        places = tuple(example.place for example in batch.examples)
        noise = draw_noise(given.latents, places, seed=self._config.seed, step=0)
        without = replace(given, conditions=given.conditions.without_references())
        told = [without, given] if with_references else [given]
        return torch.stack(
            [
                torch.stack([clip_losses(model, each, noise=noise, timestep=timestep) for each in told])
                for timestep in GAIN_TIMESTEPS
            ]
        )
