"""Trains the content filter (A.1) on generated clips and writes a folder that `VideoMaeContentClassifier` loads."""

import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from curation.annotators.content import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.dataset import LabelledInputs, Progress, generate_inputs
from curation.content_training.evaluation import FilterReport
from curation.content_training.model_card import model_card
from curation.video.sampling import CONTENT_FRAMES

_log = logging.getLogger(__name__)

# Seeds of the two splits are far apart, so that no validation clip is ever trained on.
_VALIDATION_SEED_OFFSET = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterTrainingConfig:
    """What a training run depends on.

    Attributes:
        side: of the network's frames in pixels. Our choice: the smallest at which a corner inset still covers several
            patches; time on a CPU grows with its square.
        tubelet_size: frames per token. Our choice: twice VideoMAE's, which halves the cost; what changes from frame to
            frame is in the channels already.
        hidden_size, num_layers, num_heads: Our choice: about a million weights, so that they ship with the package.
        training_clips: held in memory, 16 x side x side x 3 bytes each.
        label_smoothing: Our choice: the classes of A.1 touch each other, and certainty about drawn clips is not
            certainty about real ones.
        workers: processes that draw clips.
        threads: of the network on the CPU.
    """

    seed: int = 0
    side: int = 96
    patch_size: int = 16
    tubelet_size: int = 4
    hidden_size: int = 160
    num_layers: int = 4
    num_heads: int = 4
    training_clips: int = 2000
    validation_clips: int = 300
    steps: int = 800
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 60
    weight_decay: float = 0.05
    gradient_clip: float = 1.0
    label_smoothing: float = 0.05
    workers: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.side % self.patch_size:
            raise ValueError(f"side is {self.side}, expected a multiple of patch_size {self.patch_size}")
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size is {self.hidden_size}, expected a multiple of num_heads {self.num_heads}")
        smallest = min(self.training_clips, self.validation_clips)
        if smallest < len(CONTENT_CLASSES):
            raise ValueError(f"a split has {smallest} clips, expected at least one of each of the 5 classes")
        if self.batch_size > self.training_clips:
            raise ValueError(
                f"batch_size is {self.batch_size}, expected at most the {self.training_clips} training_clips"
            )


def train_filter(config: FilterTrainingConfig, folder: Path, progress: Progress | None = None) -> FilterReport:
    """Draw clips, train, measure on held-out clips, and write weights, configuration and model card to `folder`."""
    form = filter_input(config)
    training = generate_inputs(config.seed, config.training_clips, form, workers=config.workers, progress=progress)
    held_out_seed = config.seed + _VALIDATION_SEED_OFFSET
    validation = generate_inputs(
        held_out_seed, config.validation_clips, form, workers=config.workers, progress=progress
    )
    model = fit(config, training, form, progress)
    report = FilterReport(probabilities=predict(model, validation.inputs, form), labels=validation.labels)
    save_filter(model, config, form, report, folder)
    return report


def filter_input(config: FilterTrainingConfig) -> ContentInput:
    """The network's input: motion channels, brought to about zero mean and unit variance."""
    return ContentInput(channels="motion", side=config.side, mean=(0.45, 0.05, 0.06), std=(0.25, 0.10, 0.12))


def build_network(config: FilterTrainingConfig) -> VideoMAEForVideoClassification:
    """A small VideoMAE with fresh weights."""
    network = VideoMAEConfig(
        image_size=config.side,
        patch_size=config.patch_size,
        num_frames=CONTENT_FRAMES,
        tubelet_size=config.tubelet_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        intermediate_size=3 * config.hidden_size,
        id2label=dict(enumerate(CONTENT_CLASSES)),
        label2id={name: index for index, name in enumerate(CONTENT_CLASSES)},
    )
    network.update({"input_channels": "motion", "revision": f"seed-{config.seed}-steps-{config.steps}"})
    return VideoMAEForVideoClassification(network)


def fit(
    config: FilterTrainingConfig, training: LabelledInputs, form: ContentInput, progress: Progress | None = None
) -> VideoMAEForVideoClassification:
    """Train a fresh network; the same config gives the same network on the same machine."""
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    model = build_network(config)
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(config, step))
    rng = np.random.default_rng([config.seed, 1])
    for step in range(config.steps):
        rows = rng.choice(len(training.labels), config.batch_size, replace=False)
        batch = np.stack([_augmented(rng, training.inputs[row]) for row in rows])
        logits = model(form.normalize(batch)).logits
        loss = functional.cross_entropy(
            logits, torch.from_numpy(training.labels[rows]), label_smoothing=config.label_smoothing
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            _log.info("content filter step %d of %d: loss %.3f", step, config.steps, loss.item())
        if progress is not None:
            progress("train", step + 1, config.steps)
    model.train(mode=False)
    return model


def learning_rate_factor(config: FilterTrainingConfig, step: int) -> float:
    """A linear warm-up, then half a cosine down to zero."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def predict(
    model: VideoMAEForVideoClassification, inputs: npt.NDArray[np.uint8], form: ContentInput
) -> npt.NDArray[np.float64]:
    """Probabilities (clips, 5) of prepared clips."""
    with torch.inference_mode():
        batches = [torch.softmax(model(form.normalize(part)).logits, -1) for part in _batches(inputs, 32)]
    return np.asarray(torch.cat(batches).double().numpy(), np.float64)


def save_filter(
    model: VideoMAEForVideoClassification,
    config: FilterTrainingConfig,
    form: ContentInput,
    report: FilterReport,
    folder: Path,
) -> None:
    """Write the folder: half-precision weights, how frames are prepared, and the model card."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.half() for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=half)
    preprocessor = {"image_mean": form.mean, "image_std": form.std, "size": {"height": form.side, "width": form.side}}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n", encoding="utf-8")
    size_bytes = (folder / "model.safetensors").stat().st_size
    (folder / "README.md").write_text(model_card(asdict(config), report, size_bytes), encoding="utf-8")


def _augmented(rng: np.random.Generator, video: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Mirrored or played backwards: neither changes what the clip is."""
    if rng.random() < 0.5:
        video = video[:, :, ::-1]
    if rng.random() < 0.5:
        video = video[::-1]
    return video


def _batches(inputs: npt.NDArray[np.uint8], size: int) -> list[npt.NDArray[np.uint8]]:
    return [inputs[start : start + size] for start in range(0, len(inputs), size)]
