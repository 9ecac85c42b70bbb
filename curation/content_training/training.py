"""Trains the content filter (A.1) and writes a folder that `VideoMaeContentClassifier` loads.

One path for the small network that ships, drawn clips and fresh weights, and for a user's own: labels and a VideoMAE.
"""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from transformers.utils import logging as transformers_logging

from curation.annotators.content.network import autocast
from curation.content_training.dataset import LabelledInputs, Progress, SplitInputs
from curation.content_training.drawn import DrawnClips
from curation.content_training.evaluation import FilterReport
from curation.content_training.labelled import LabelledClips
from curation.content_training.model_card import CardFacts, model_card
from curation.content_training.networks import FineTune, FromScratch, Start
from curation.content_training.recipe import parameter_groups
from storage.configs import strict
from storage.devices import check_device_name, torch_device
from storage.numbers import expect_at_least

_log = logging.getLogger(__name__)

_STEPS_BETWEEN_LINES: Final = 50


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class FilterTrainingConfig:
    """What a training run depends on.

    Attributes:
        seed: of the drawn clips or of the split, of new weights, and of the batches.
        device: as torch calls it: `cpu`, `cuda`.
        precision: of matrix products; weights stay in float32.
        threads: of the network on a CPU.
    """

    seed: int = 0
    clips: DrawnClips | LabelledClips = field(default_factory=DrawnClips)
    network: FromScratch | FineTune = field(default_factory=FromScratch)
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: int = 1

    def __post_init__(self) -> None:
        check_device_name(self.device)
        expect_at_least(0, "filter training", self, "seed")
        expect_at_least(1, "filter training", self, "threads")


class FilterResult(NamedTuple):
    """What came of it.

    Attributes:
        threshold: for `desirable`, chosen on the validation split.
        test: how the filter does on the test split, which nothing was chosen by.
        clips: what it was trained and measured on.
    """

    threshold: float
    test: FilterReport
    clips: SplitInputs


def train_filter(config: FilterTrainingConfig, folder: Path, progress: Progress | None = None) -> FilterResult:
    """Gather clips, train, choose the threshold, measure, and write weights, threshold and model card to `folder`.

    Raises:
        FileNotFoundError: a label file or the checkpoint is missing.
        ValueError: labels or checkpoint are not fit for it, there is no such device, or the training diverges.
    """
    torch_device(config.device)
    folder.mkdir(parents=True, exist_ok=True)  # before the work, so that a wrong name costs nothing
    hide_progress: Callable[[], None] = transformers_logging.disable_progress_bar
    hide_progress()  # a library draws none
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    start = config.network.start()
    clips = config.clips.gather(start.form, config.seed, progress)
    fit(config, start, clips.training, progress)
    start.model.half().float()  # what is measured is what is stored
    threshold = _measure(config, start, clips.validation).best_threshold()
    result = FilterResult(threshold, _measure(config, start, clips.test), clips)
    _save(config, start, result, folder)
    return result


def fit(config: FilterTrainingConfig, start: Start, training: LabelledInputs, progress: Progress | None = None) -> None:
    """Train the network; the same config and clips give the same weights on the same machine.

    Our choice: every class is drawn equally often. In Panda-70M's published shares nine of ten clips are desirable or
    still, and small batches would seldom hold the other classes.

    Raises:
        ValueError: the loss is not a number any more.
    """
    recipe, count = config.network.recipe, len(training.labels)
    model = start.model.to(config.device).train()
    optimizer = torch.optim.AdamW(
        parameter_groups(model, model.config.num_hidden_layers, recipe), betas=recipe.adam_betas
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.factor(step, count))
    rng = np.random.default_rng([config.seed, 1])
    weights = _class_balance(training.labels)
    steps = recipe.steps(count, recipe.epochs)
    for step in range(steps):
        rows = rng.choice(count, recipe.batch_size, p=weights)
        logits = _logits(config, start, np.stack([_augmented(rng, training.inputs[row]) for row in rows]))
        labels = torch.from_numpy(training.labels[rows]).to(config.device)
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        if not math.isfinite(loss.item()):
            raise ValueError(f"the loss is {loss.item()} at step {step}, expected a number; lower base_learning_rate")
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
        optimizer.step()
        schedule.step()
        if step % _STEPS_BETWEEN_LINES == 0:
            _log.info("content filter step %d of %d: loss %.3f", step, steps, loss.item())
        if progress is not None:
            progress("train", step + 1, steps)
    model.eval()


def predict(config: FilterTrainingConfig, start: Start, inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Probabilities (clips, 5) of prepared clips."""
    size = config.network.recipe.batch_size
    with torch.inference_mode():
        batches = [_logits(config, start, inputs[first : first + size]) for first in range(0, len(inputs), size)]
    return np.asarray(torch.softmax(torch.cat(batches).double(), -1).cpu().numpy(), np.float64)


def _logits(config: FilterTrainingConfig, start: Start, inputs: npt.NDArray[np.uint8]) -> torch.Tensor:
    pixels = start.form.normalize(inputs).to(config.device)
    with autocast(config.device, getattr(torch, config.precision)):
        logits: torch.Tensor = start.model(pixels).logits
    return logits.float()


def _measure(config: FilterTrainingConfig, start: Start, clips: LabelledInputs) -> FilterReport:
    return FilterReport(probabilities=predict(config, start, clips.inputs), labels=clips.labels)


def _class_balance(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Probability of every clip to be drawn: each class has the same in all."""
    counts = np.bincount(labels)
    return np.asarray(1 / counts[labels] / np.count_nonzero(counts), np.float64)


def _save(config: FilterTrainingConfig, start: Start, result: FilterResult, folder: Path) -> None:
    """Write half-precision weights, the threshold, how frames are prepared, and the model card."""
    model, form = start.model, start.form
    model.config.update(
        {"input_channels": form.channels, "min_desirable": result.threshold, "revision": f"seed-{config.seed}"}
    )
    model.save_pretrained(folder, state_dict={name: tensor.half() for name, tensor in model.state_dict().items()})
    preprocessor = {"image_mean": form.mean, "image_std": form.std, "size": {"height": form.side, "width": form.side}}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_card(config, start, result, folder), encoding="utf-8")


def _card(config: FilterTrainingConfig, start: Start, result: FilterResult, folder: Path) -> str:
    facts = CardFacts(
        network=start.origin,
        form=start.form,
        size_bytes=(folder / "model.safetensors").stat().st_size,
        clips=result.clips,
        threshold=result.threshold,
        report=result.test,
        settings=asdict(config),
    )
    return model_card(facts)


def _augmented(rng: np.random.Generator, video: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Mirrored or played backwards: neither changes what the clip is."""
    if rng.random() < 0.5:
        video = video[:, :, ::-1]
    if rng.random() < 0.5:
        video = video[::-1]
    return video
