"""Runs to start from."""

from dataset_schema import Bucket
from modeling.backbones.cogvideox import CogVideoXConfig
from modeling.backbones.hunyuan import HunyuanConfig
from modeling.backbones.ltx import LTXConfig
from modeling.backbones.wan import WanConfig
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.encoders import (
    CogVideoXEncoders,
    EmbeddedEncoders,
    HunyuanEncoders,
    LTXEncoders,
    PaperEncoders,
    WanEncoders,
)
from modeling.model.dit import DiTConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.denoising import DenoisingConfig
from modeling.sampling.flow import FlowConfig, TimestepDistribution
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.config import (
    RunConfig,
    TrainingConfig,
    TrainingPhase,
    ValidationConfig,
)
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig


def paper() -> RunConfig:
    """The paper's model, 12.4 billion weights, its encoders and its training (Tables 5 and 6).

    The encoders are CogVideoX-5B's autoencoder, T5-11B and DINOv2 by their names on the Hugging Face hub; they are
    downloaded when the encoders are built, not before.
    """
    return RunConfig(pipeline=PipelineConfig(encoders=PaperEncoders()))


def one_gpu() -> RunConfig:
    """A model of 2.4 billion weights with the paper's data and training, for one GPU of 139 GiB.

    Heads keep the paper's 128 channels, so that width and depth are all that differs from its model, and the device
    the paper's budget of tokens: `describe` finds that a step needs 79 GiB at most with recomputed activations, which
    leaves 60 to the encoders. Its steps are short beside the work on their clips, hence 16 threads for that.
    """
    return RunConfig(
        pipeline=PipelineConfig(model=DiTConfig(width=2048, blocks=24, heads=16), encoders=PaperEncoders()),
        training=TrainingConfig(
            data=DataConfig(threads=16, batching=BatchingConfig(tokens_per_device=54_720, devices_per_group=1))
        ),
    )


def wan_1_3b() -> RunConfig:
    """Wan 2.1 of 1.4 billion weights, frozen, with 0.25 billion new ones: its steps fit one GPU of 24 GiB.

    Clips are of the smaller of the two sizes that it was published for, 480x832, 3 s at its 16 frames per second. A
    batch is eight of them, one after the other on one GPU. Our choice: 15,000 steps, half of what the paper spends on
    its second phase; the flow's shift of that size, 3.3, is about the 3 that Wan's own page recommends; validation
    samples at Wan's own guidance, which is 5 where Equation 2 counts 4.
    """
    return _wan(WanConfig(), Bucket(49, 480, 832), tokens=20_280)


def wan_14b() -> RunConfig:
    """Wan 2.1 of 14 billion weights, frozen, with 2.5 billion new ones: its steps fit eight GPUs of 80 GiB.

    As `wan_1_3b`, but for clips of 5 s, as Wan was trained, of which each GPU has one.
    """
    checkpoint = "Wan-AI/Wan2.1-T2V-14B-Diffusers"
    model = WanConfig(checkpoint=checkpoint, width=5120, blocks=40, heads=40, mlp_width=13824)
    return _wan(model, Bucket(81, 480, 832), tokens=32_760)


def wan_5b() -> RunConfig:
    """Wan 2.2's TI2V-5B, frozen, with 0.77 billion new weights: its steps fit one GPU of 48 GiB.

    As `wan_1_3b`, but for clips of the size that it was published for, 704x1280, 5 s at its 24 frames per second:
    27,280 tokens, for each stands for 4x32x32 pixels. The flow's shift of that size, 4.9, is about its scheduler's 5.
    """
    model = WanConfig(
        checkpoint="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        width=3072,
        blocks=30,
        heads=24,
        mlp_width=14336,
        latent_channels=48,
        expands_timesteps=True,
    )
    return _wan(model, Bucket(121, 704, 1280), tokens=27_280)


def _wan(model: WanConfig, bucket: Bucket, *, tokens: int) -> RunConfig:
    """Eight clips a step, each by itself."""
    encoders = WanEncoders(checkpoint=model.checkpoint, latent_channels=model.latent_channels)
    return RunConfig(
        pipeline=PipelineConfig(model=model, encoders=encoders),
        training=TrainingConfig(
            phases=(TrainingPhase(name="II-a", steps=15_000, trainable=Trainable.NEW_LAYERS, warmup_steps=1_000),),
            data=DataConfig(
                buckets=(bucket,),
                batching=BatchingConfig(tokens_per_device=tokens, devices_per_group=8),
            ),
            validation=ValidationConfig(sampling=DenoisingConfig(steps=32, text_scale=4.0, image_scale=1.0)),
        ),
    )


def cogvideox_2b() -> RunConfig:
    """CogVideoX of 1.7 billion weights, frozen, with 0.35 billion new ones: its steps fit one GPU of 24 GiB.

    Clips are of the size that it was published for, 480x720, 6 s at its 8 frames per second. A batch is eight of them,
    one after the other on one GPU. Our choice: as many steps as for Wan; the flow's shift of that size, 3.06, leaves
    half of the timesteps where half of its own 1,000 steps lie, for which it would be 3.07; validation samples at its
    own guidance, which is 6 where Equation 2 counts 5. Blocks are not compiled.
    """
    return RunConfig(
        pipeline=PipelineConfig(model=CogVideoXConfig(), encoders=CogVideoXEncoders()),
        training=_of_new_layers(Bucket(49, 480, 720), tokens_per_device=17_550, text_scale=5.0),
    )


def ltx_2b() -> RunConfig:
    """LTX-Video 0.9 of 1.9 billion weights, frozen, with 0.37 billion new ones: its steps fit one GPU of 16 GiB.

    Clips are of 512x704, 4 s at 25 frames per second: 4,576 tokens, for each stands for 8x32x32 pixels. A batch is
    eight of them, one after the other on one GPU. Our choice: as many steps as for Wan; the flow is shifted at that
    size by 9.2, as the published scheduler shifts so many tokens; validation samples at the pipeline's own guidance,
    which is 3 where Equation 2 counts 2. Blocks are not compiled.
    """
    return RunConfig(
        pipeline=PipelineConfig(model=LTXConfig(), encoders=LTXEncoders(), flow=FlowConfig(base_shift=2.95)),
        training=_of_new_layers(Bucket(97, 512, 704), tokens_per_device=4_576, text_scale=2.0),
    )


def hunyuan() -> RunConfig:
    """HunyuanVideo of 13 billion weights, frozen, with 0.5 billion new ones: its steps fit one GPU of 80 GiB.

    Clips are of the smaller of the two sizes that it was published for, 544x960, 2.5 s at its 24 frames per second. A
    batch is eight of them, one after the other on one GPU. Our choice: as many steps as for Wan; the flow is shifted at
    that size by 7, as its scheduler shifts; validation samples without guidance by text beside the one that is
    distilled into the model, as its pipeline does. Blocks are not compiled.
    """
    return RunConfig(
        pipeline=PipelineConfig(model=HunyuanConfig(), encoders=HunyuanEncoders(), flow=FlowConfig(base_shift=1.86)),
        training=_of_new_layers(Bucket(61, 544, 960), tokens_per_device=32_640, text_scale=0.0),
    )


def _of_new_layers(bucket: Bucket, *, tokens_per_device: int, text_scale: float) -> TrainingConfig:
    """The training of a published model's new layers on one clip at a time, eight to a batch."""
    return TrainingConfig(
        phases=(TrainingPhase(name="II-a", steps=15_000, trainable=Trainable.NEW_LAYERS, warmup_steps=1_000),),
        data=DataConfig(
            buckets=(bucket,), batching=BatchingConfig(tokens_per_device=tokens_per_device, devices_per_group=8)
        ),
        execution=ExecutionConfig(compiles=False),
        validation=ValidationConfig(sampling=DenoisingConfig(steps=32, text_scale=text_scale, image_scale=1.0)),
    )


def tiny(*, steps: int = 800) -> RunConfig:
    """A model of 2.8 million weights for the bucket 9x64x112 or so: about 0.3 CPU-seconds a step.

    After 200 steps on 40 clips the places look right; after 800, captions of the training clips give their subjects
    in their colors, moving. It knows those clips by heart: that shows that the path works, not what it can do.

    What differs from the paper beside the size: all weights are trained together from the start, because there is no
    text-to-video model to begin with; the learning rate is high and the gradient clip loose, because there are few
    steps; timesteps are uniform and shifted far towards noise, where the layout is decided; tokens know their place
    in the picture; of each clip only the first frames are seen, which are decoded once; and there is no
    self-conditioning, which would cost a third of the steps.
    """
    encoders = EmbeddedEncoders(text_channels=64, max_text_tokens=64, image_channels=64, image_side=32, patch_side=8)
    model = DiTConfig(
        width=192,
        blocks=3,
        heads=6,
        text_channels=encoders.text_channels,
        image_channels=encoders.image_channels,
        dropout=0.0,
        self_conditions=False,
        absolute_positions=True,
    )
    return RunConfig(
        pipeline=PipelineConfig(
            model=model,
            encoders=encoders,
            flow=FlowConfig(distribution=TimestepDistribution.UNIFORM, base_shift=8.0),
        ),
        training=TrainingConfig(
            phases=(TrainingPhase(name="joint", steps=steps, trainable=Trainable.ALL, warmup_steps=10),),
            data=DataConfig(
                buckets=(Bucket(9, 64, 112),),
                windows=1,
                batching=BatchingConfig(tokens_per_device=672, devices_per_group=1),
            ),
            optimizer=OptimizerConfig(learning_rate=4e-3, gradient_clip=1.0),
            execution=ExecutionConfig(precision=Precision.FLOAT32, recomputes_activations=False, compiles=False),
            validation=ValidationConfig(every_steps=0),
            ema_decay=0.99,
            reference_gain_every_steps=50,
            checkpoint_every_steps=100,
        ),
    )
