"""A whole training step, against the nearest model of diffusers with the optimizer and the average of its scripts.

Both predict the velocity of the same latents, go back, clip the gradients, and change weights and their average. As in
`model_block.py`, diffusers' blocks have fewer weights, so the goal is per weight that multiplies tokens.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import torch
from torch.nn.functional import mse_loss
from torch.nn.utils import clip_grad_norm_

from benchmarks.gpu.training_steps import TrainedModel, described_bytes
from benchmarks.measuring import Run
from benchmarks.model_block import CONTEXT_TOKENS, HEADS, SEED, WIDTH, weights_on_tokens
from dataset_schema import Bucket
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.encoders import EmbeddedEncoders
from modeling.model.dit import DiTConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.model.weights import empty_model
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.config import RunConfig, TrainingConfig, TrainingPhase
from modeling.training.parallel import ExecutionConfig

BUCKET: Final = Bucket(17, 144, 256)
BLOCKS: Final = 4
CLIPS: Final = 2
_IMAGES: Final = 2
_TOKENS: Final = 720


def run_config() -> RunConfig:
    """Ours: all weights trained, in float32, nothing computed twice."""
    encoders = EmbeddedEncoders(
        text_channels=WIDTH, max_text_tokens=CONTEXT_TOKENS, image_channels=WIDTH, image_side=128, patch_side=8
    )
    model = DiTConfig(
        width=WIDTH,
        blocks=BLOCKS,
        heads=HEADS,
        text_channels=WIDTH,
        image_channels=WIDTH,
        max_images=_IMAGES,
        dropout=0.0,
        self_conditions=False,
    )
    return RunConfig(
        pipeline=PipelineConfig(model=model, encoders=encoders),
        training=TrainingConfig(
            phases=(TrainingPhase(name="joint", steps=100, trainable=Trainable.ALL, warmup_steps=10),),
            data=DataConfig(batching=BatchingConfig(tokens_per_device=CLIPS * _TOKENS, devices_per_group=1)),
            execution=ExecutionConfig(precision=Precision.FLOAT32, recomputes_activations=False, compiles=False),
        ),
    )


def prepare_ours() -> Run:
    """Our step, on inputs that were drawn."""
    torch.manual_seed(SEED)
    run = run_config()
    return TrainedModel(run, run.training.phases[0], torch.device("cpu")).on(BUCKET)


def prepare_theirs() -> Run:
    """The step of diffusers' model, on inputs of the same shapes."""
    torch.manual_seed(SEED)
    config = run_config()
    model = _their_model().train()
    training: Any = import_module("diffusers.training_utils")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.99), weight_decay=0.01)
    average = training.EMAModel(model.parameters(), decay=config.training.ema_decay)
    latents = torch.randn(CLIPS, 16, *config.pipeline.encoders.latents.shape(BUCKET))
    text, images = (torch.randn(CLIPS, CONTEXT_TOKENS, WIDTH) for _ in range(2))

    def run() -> None:
        noise, timesteps = torch.randn_like(latents), torch.rand(CLIPS)
        share = timesteps[:, None, None, None, None]
        velocity = model((1 - share) * latents + share * noise, timesteps * 1000, text, images, return_dict=False)[0]
        torch.autograd.backward(mse_loss(velocity, noise - latents))
        clip_grad_norm_(model.parameters(), config.training.optimizer.gradient_clip)
        optimizer.step()
        average.step(model.parameters())
        optimizer.zero_grad()

    return run


def weight_ratio() -> float:
    """How many weights that multiply tokens ours has for each of theirs."""
    with torch.device("meta"):
        theirs = _their_model()
    return weights_on_tokens(empty_model(run_config().pipeline.model)) / weights_on_tokens(theirs)


def described_mib() -> float:
    """What `describe` says that our step occupies."""
    run = run_config()
    return described_bytes(run, run.training.phases[0], BUCKET) / 1024**2


def _their_model() -> torch.nn.Module:
    wan: Callable[..., torch.nn.Module] = import_module("diffusers").WanTransformer3DModel
    return wan(
        num_attention_heads=HEADS,
        attention_head_dim=WIDTH // HEADS,
        text_dim=WIDTH,
        ffn_dim=4 * WIDTH,
        num_layers=BLOCKS,
        cross_attn_norm=True,
        added_kv_proj_dim=WIDTH,
        image_dim=WIDTH,
    )
