"""Tiny checkpoints with random weights for every network of the paper, in the published formats.

    python -m tests.pipelines.verbs.paper_networks FOLDER MANIFEST OUTPUT [further options of curate]

writes them to FOLDER, teaches a small language model the words of MANIFEST (columns `caption`, `subject_words`,
`object_words`, `background_words`), serves it, and curates MANIFEST with `configs/paper.toml`. What random networks
find means nothing, so the thresholds let everything pass: it is about the way, not about the result.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from curation.annotators.protocols import CONTENT_CLASSES
from pipelines.__main__ import main
from tests.curation.annotators.grounding.tiny_networks import save_grounding_dino, save_sam
from tests.curation.annotators.language.language_model import figure_7, served_language_model, trained_language_model
from tests.curation.annotators.tiny_reference_checkpoints import save_tiny_dinov2, save_tiny_inpainting

CONFIG = Path(__file__).parents[3] / "configs" / "paper.toml"
NETWORKS = ("shots", "content-filter", "masks", "likeness", "inpainting")

# Whatever a random network answers is good enough, and on small videos too.
POLICY = {
    "content-filter.min-desirable": 0,
    "annotators.masks.choice.min-box-score": 0,
    "annotators.masks.choice.max-box-area": 1,
    "annotators.masks.choice.max-rival": 1,
    "annotators.masks.choice.min-mask-score": 0,
    "annotators.masks.choice.min-mask-extent": 0,
    "reference-images.min-area": 0,
    "reference-images.max-area": 1,
    "reference-images.min-short-side": 1,
    "reference-images.min-largest-fragment": 0,
    "reference-images.min-fill": 0,
    "reference-images.max-border-contact": 1,
    "reference-images.max-overlap": 1,
    "reference-images.min-sharpness": 0,
    "reference-images.min-agreement": 0,
    "background.max-leak": 1,
}


def save_networks(folder: Path) -> dict[str, Any]:
    """Write every checkpoint; returns the options that name them."""
    save_grounding_dino(folder / "grounding_dino")
    save_sam(folder / "sam", seed=6)  # one whose random scores are not all 0
    save_tiny_dinov2(folder / "dinov2")
    save_tiny_inpainting(folder / "inpainting")
    save_content_filter(folder / "content_filter")
    return {
        "annotators.content-filter.checkpoint": folder / "content_filter",
        "annotators.masks.detector": folder / "grounding_dino",
        "annotators.masks.segmenter": folder / "sam",
        "annotators.likeness.checkpoint": folder / "dinov2",
        "annotators.inpainting.checkpoint": folder / "inpainting",
        "annotators.inpainting.side": 64,
        "annotators.inpainting.steps": 2,
    }


def on_the_cpu() -> dict[str, Any]:
    """The options that need no GPU."""
    values = {"name": "cpu", "precision": "float32", "memory-gib": 0.5, "batch-size": 4}
    return {f"annotators.{job}.device.{key}": value for job in NETWORKS for key, value in values.items()}


def arguments(options: dict[str, Any], *, url: str, model: Path, cache: Path) -> list[str]:
    """The options as the command line takes them."""
    language = {
        "annotators.words.url": url,
        "annotators.words.model": model,
        "annotators.words.in-flight": 4,
        "instruction.cache": cache,
        "instruction.max-tokens": 120,
    }
    pairs = {**options, **on_the_cpu(), **POLICY, **language}.items()
    return ["--config", str(CONFIG), *(word for key, value in pairs for word in (f"--curation.{key}", str(value)))]


def save_content_filter(folder: Path) -> None:
    """A VideoMAE that tells the five classes at random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = VideoMAEConfig(
            image_size=32,
            patch_size=16,
            num_frames=16,
            tubelet_size=4,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            use_mean_pooling=True,
            id2label=dict(enumerate(CONTENT_CLASSES)),
            label2id={name: index for index, name in enumerate(CONTENT_CLASSES)},
        )
        VideoMAEForVideoClassification(config).save_pretrained(folder)


def curate_manifest(folder: Path, manifest: Path, output: Path, further: Sequence[str]) -> int:
    """The whole of it; the exit status of `curate`."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = ("background", "subject", "object")
    pairs = [
        (row["caption"], figure_7(**{kind: row[f"{kind}_words"].split("|") for kind in kinds if row[f"{kind}_words"]}))
        for row in rows
    ]
    options = save_networks(folder)
    model = folder / "language_model"
    if not model.is_dir():
        trained_language_model(model, by_heart=pairs, steps=500)
    with served_language_model(model) as url:
        asked = arguments(options, url=url, model=model, cache=folder / "answers.sqlite")
        return main(["curate", "--input", str(manifest), "--output", str(output), *asked, *further])


if __name__ == "__main__":
    sys.exit(curate_manifest(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
