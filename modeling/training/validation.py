"""Videos that a model in training makes of captions and references it trains on, beside the real ones."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from einops import rearrange

from modeling.data.batches import Batch
from modeling.data.video import write_video
from modeling.encoders import Autoencoder
from modeling.model.backbone import VideoBackbone
from modeling.model.precision import Precision, computing_in
from modeling.sampling.denoising import SamplingConfig, sample_latents
from modeling.sampling.flow import FlowConfig
from modeling.training.config import ValidationConfig, is_due
from modeling.training.objective import EncodedBatch, draw_noise


class ValidationSamples:
    """Samples the clips of a fixed batch again and again, from the same noise.

    Args:
        config: how often, and how.
        flow: of the pipeline.
        precision: of the model.
        folder: gets `step-N/CLIP.mp4`, the real clip on the left and the sample on the right, and its caption.
        batch: the clips; each process samples its own.
        encoded: the same, as the model sees it.
    """

    def __init__(
        self,
        config: ValidationConfig,
        *,
        flow: FlowConfig,
        precision: Precision,
        folder: Path,
        batch: Batch,
        encoded: EncodedBatch,
    ) -> None:
        self._every_steps = config.every_steps
        self._flow = flow
        self._folder = folder
        self._examples = batch.examples[: config.clips]
        self._latents = encoded.latents[: config.clips]
        self._conditions = encoded.conditions.first(config.clips)
        how = {each.name: getattr(config.sampling, each.name) for each in fields(config.sampling)}
        self._sampling = SamplingConfig(bucket=batch.bucket, **how)
        self._precision = precision

    def is_due(self, step: int) -> bool:
        """Whether it is time after this step."""
        return is_due(step, every_steps=self._every_steps)

    @torch.no_grad()
    def write(self, model: VideoBackbone, autoencoder: Autoencoder, *, step: int, seed: int) -> Path:
        """Sample, and write the videos; returns their folder. All processes of a team must call this together."""
        places = tuple(example.place for example in self._examples)
        noise = draw_noise(self._latents, places, seed=seed, step=0)
        was_training = model.training
        model.eval()
        with computing_in(self._precision, noise.device):
            latents = sample_latents(model, self._conditions, noise, sampling=self._sampling, flow=self._flow)
        videos, real = (autoencoder.decode(each).cpu() for each in (latents, self._latents))
        model.train(was_training)
        folder = self._folder / f"step-{step:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        for example, pair in zip(self._examples, torch.stack([real, videos], dim=1), strict=True):
            beside = rearrange(pair, "two frames height width color -> frames height (two width) color")
            write_video(folder / f"{example.clip_id}.mp4", np.asarray(beside), fps=model.config.fps)
            (folder / f"{example.clip_id}.txt").write_text(example.caption + "\n", encoding="utf-8")
        return folder
