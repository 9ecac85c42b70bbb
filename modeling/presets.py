"""Runs to start from."""

from modeling.batches import DataConfig
from modeling.batching import BatchingConfig
from modeling.dit import DiTConfig
from modeling.encoders import EmbeddedEncoders
from modeling.flow import FlowConfig, TimestepDistribution
from modeling.pipeline import PipelineConfig
from modeling.training_config import OptimizerConfig, RunConfig, Trainable, TrainingConfig, TrainingStage


def paper() -> RunConfig:
    """The paper's model, 12.4 billion weights, and its training (Tables 5 and 6).

    The encoders are the embedded ones at the paper's widths, 256 tokens of 1024 channels for an image.
    """
    encoders = EmbeddedEncoders(
        text_channels=1024, max_text_tokens=256, image_channels=1024, image_side=224, patch_side=14
    )
    return RunConfig(pipeline=PipelineConfig(encoders=encoders))


def tiny(*, steps: int = 300) -> RunConfig:
    """A model of 1.7 million weights that learns to place moving shapes in a few CPU-minutes.

    What differs from the paper beside the size: all weights are trained together from the start, because there is no
    text-to-video model to begin with; the learning rate is high and the gradient clip loose, because there are few
    steps; timesteps are uniform, so that every noise level is learnt at all.
    """
    encoders = EmbeddedEncoders()
    model = DiTConfig(
        width=128,
        blocks=4,
        heads=4,
        text_channels=encoders.text_channels,
        image_channels=encoders.image_channels,
        dropout=0.0,
    )
    return RunConfig(
        pipeline=PipelineConfig(
            model=model,
            encoders=encoders,
            flow=FlowConfig(distribution=TimestepDistribution.UNIFORM, base_shift=3.0),
        ),
        training=TrainingConfig(
            stages=(TrainingStage(name="joint", steps=steps, trainable=Trainable.ALL, warmup_steps=10),),
            data=DataConfig(batching=BatchingConfig(tokens_per_device=1_344, devices_per_group=1)),
            optimizer=OptimizerConfig(learning_rate=2e-3, gradient_clip=1.0),
            self_conditioning_probability=0.5,
            ema_decay=0.99,
            reference_gain_every_steps=50,
            checkpoint_every_steps=100,
        ),
    )
