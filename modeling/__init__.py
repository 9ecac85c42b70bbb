"""The personalization model: data, architecture, training and sampling (sections 3.2, 3.3, A.3 and B).

Read `dit.py` for the model, `training.py` for the loop, `flow.py` and `guidance.py` for the mathematics.

    pipeline = modeling.Pipeline.from_pretrained(directory)
    video = pipeline("A dog runs on the beach.", references={"dog": [image]})
    modeling.write_video(path, video)
"""

from modeling.cache import write_cache
from modeling.dataset import SampleStore
from modeling.dit import DiT, DiTConfig
from modeling.encoders import EmbeddedEncoders, PaperEncoders
from modeling.export import export_checkpoint
from modeling.flow import Solver
from modeling.guidance import GuidanceForm
from modeling.lora import LoraConfig, load_lora, merge_lora
from modeling.parallel import ExecutionConfig
from modeling.pipeline import Pipeline, PipelineConfig, SamplingConfig
from modeling.presets import one_gpu, paper, tiny
from modeling.run_log import StepReport
from modeling.training import train
from modeling.training_config import RunConfig, TrainingConfig, TrainingStage
from modeling.video import decode_clip, write_video

__all__ = [
    "DiT",
    "DiTConfig",
    "EmbeddedEncoders",
    "ExecutionConfig",
    "GuidanceForm",
    "LoraConfig",
    "PaperEncoders",
    "Pipeline",
    "PipelineConfig",
    "RunConfig",
    "SampleStore",
    "SamplingConfig",
    "Solver",
    "StepReport",
    "TrainingConfig",
    "TrainingStage",
    "decode_clip",
    "export_checkpoint",
    "load_lora",
    "merge_lora",
    "one_gpu",
    "paper",
    "tiny",
    "train",
    "write_cache",
    "write_video",
]
