"""The personalization model: data, architecture, training and sampling (sections 3.2, 3.3, A.3 and B).

Read `dit.py` for the model, `training.py` for the loop, `flow.py` and `guidance.py` for the mathematics.

    pipeline = modeling.Pipeline.from_pretrained(directory)
    video = pipeline("A dog runs on the beach.", references={"dog": [image]})
    modeling.write_video(path, video)
"""

from modeling.data.cache import write_cache
from modeling.data.store import SampleStore
from modeling.data.video import decode_clip, write_video
from modeling.encoders import EmbeddedEncoders, PaperEncoders
from modeling.model.dit import DiT, DiTConfig
from modeling.model.lora import LoraConfig, load_lora, merge_lora
from modeling.sampling.flow import Solver
from modeling.sampling.guidance import GuidanceForm
from modeling.sampling.pipeline import Pipeline, PipelineConfig, SamplingConfig
from modeling.training.config import RunConfig, TrainingConfig, TrainingPhase
from modeling.training.export import export_checkpoint
from modeling.training.loop import train
from modeling.training.parallel import ExecutionConfig
from modeling.training.presets import one_gpu, paper, tiny
from modeling.training.run_log import StepReport

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
    "TrainingPhase",
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
