"""The personalization model: data, architecture, training and sampling (sections 3.2, 3.3, A.3 and B).

Read `model/dit.py` for the model, `training/loop.py` for the loop, `sampling/` for the mathematics.

    pipeline = modeling.Pipeline.from_pretrained(directory)
    video = pipeline("A dog runs on the beach.", references={"dog": "dog.png"})
    modeling.write_video(path, video)
"""

from modeling.backbones.cogvideox import CogVideoXConfig
from modeling.backbones.hunyuan import HunyuanConfig
from modeling.backbones.ltx import LTXConfig
from modeling.backbones.wan import WanConfig
from modeling.data.batches import DataConfig
from modeling.data.cache import write_cache
from modeling.data.own_clips import OwnClip, own_clips
from modeling.data.own_dataset import write_own_dataset
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.data.video import decode_clip, write_video
from modeling.encoders import (
    Autoencoder,
    CogVideoXEncoders,
    EmbeddedEncoders,
    Encoders,
    EncodersConfig,
    HunyuanEncoders,
    ImageEncoder,
    LatentGeometry,
    LTXEncoders,
    PaperEncoders,
    TextEncoder,
    TextTokens,
    WanEncoders,
)
from modeling.model.backbone import BackboneConfig, VideoBackbone
from modeling.model.dit import DiT, DiTConfig
from modeling.model.lora import LoraConfig, add_lora, load_lora, merge_lora, save_lora
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.denoising import DenoisingConfig, SamplingConfig
from modeling.sampling.diffusers_folder import reference_tokens, write_diffusers
from modeling.sampling.flow import FlowConfig
from modeling.sampling.guidance import GuidanceForm
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.sampling.prompt import Prompt
from modeling.sampling.solvers import Euler, Heun, Solver, UniPC, Velocity
from modeling.training.config import RunConfig, TrainingConfig, TrainingPhase, ValidationConfig
from modeling.training.export import export_checkpoint
from modeling.training.loop import train
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig
from modeling.training.presets import cogvideox_2b, hunyuan, ltx_2b, one_gpu, paper, tiny, wan_1_3b, wan_5b, wan_14b
from modeling.training.run_log import StepReport

__all__ = [
    "Autoencoder",
    "BackboneConfig",
    "BatchingConfig",
    "CogVideoXConfig",
    "CogVideoXEncoders",
    "DataConfig",
    "DenoisingConfig",
    "DiT",
    "DiTConfig",
    "EmbeddedEncoders",
    "Encoders",
    "EncodersConfig",
    "Euler",
    "ExecutionConfig",
    "FlowConfig",
    "GuidanceForm",
    "Heun",
    "HunyuanConfig",
    "HunyuanEncoders",
    "ImageEncoder",
    "LTXConfig",
    "LTXEncoders",
    "LatentGeometry",
    "LoraConfig",
    "OptimizerConfig",
    "OwnClip",
    "PaperEncoders",
    "Pipeline",
    "PipelineConfig",
    "Precision",
    "Prompt",
    "RunConfig",
    "SampleStore",
    "SamplingConfig",
    "Solver",
    "StepReport",
    "TextEncoder",
    "TextTokens",
    "Trainable",
    "TrainingConfig",
    "TrainingPhase",
    "UniPC",
    "ValidationConfig",
    "Velocity",
    "VideoBackbone",
    "WanConfig",
    "WanEncoders",
    "add_lora",
    "cogvideox_2b",
    "decode_clip",
    "export_checkpoint",
    "hunyuan",
    "load_lora",
    "ltx_2b",
    "merge_lora",
    "one_gpu",
    "own_clips",
    "paper",
    "reference_tokens",
    "save_lora",
    "tiny",
    "train",
    "wan_1_3b",
    "wan_5b",
    "wan_14b",
    "write_cache",
    "write_diffusers",
    "write_own_dataset",
    "write_video",
]
