"""A folder of labelled videos that a tiny network can learn in seconds: each class has a color of its own."""

from pathlib import Path

import cv2
import numpy as np
import torch
from transformers import VideoMAEConfig, VideoMAEForPreTraining

from curation.annotators.protocols import CONTENT_CLASSES
from curation.records import Image
from tests.curation.made_videos import write_video

SIDE = 32
_COLORS = ((200, 40, 40), (40, 180, 40), (50, 60, 210), (190, 180, 40), (60, 180, 190))
_FRAMES = 20
_FAST = {"preset": "ultrafast", "threads": "1"}


def write_labelled_videos(folder: Path, *, per_class: int) -> Path:
    """Videos in random order under names that say nothing, and labels.csv."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(CONTENT_CLASSES)), per_class))
    rows = ["clip,label,annotator"]
    for number, label in enumerate(labels):
        name = f"video{number:03d}.mp4"
        write_video(folder / name, [_frame(rng, int(label), index) for index in range(_FRAMES)], options=_FAST)
        rows.append(f"{name},{CONTENT_CLASSES[label]},Ann")
    file = folder / "labels.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def save_tiny_videomae(folder: Path) -> Path:
    """A pre-trained VideoMAE as published ones are saved: with a decoder, without a classifier; random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = VideoMAEConfig(
            image_size=SIDE, patch_size=16, num_frames=16, tubelet_size=4, hidden_size=48, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=96, decoder_hidden_size=24, decoder_num_hidden_layers=1,
            decoder_num_attention_heads=2, decoder_intermediate_size=48, use_mean_pooling=False,
        )  # fmt: skip
        VideoMAEForPreTraining(config).save_pretrained(folder)
    return folder


def _frame(rng: np.random.Generator, label: int, index: int) -> Image:
    """The class's color, lighter or darker, with noise and a bright block that wanders."""
    image = np.full((144, 256, 3), _COLORS[label], np.float64) * rng.uniform(0.7, 1.1) + rng.normal(
        0, 12, (144, 256, 1)
    )
    cv2.rectangle(image, (5 * index, 40), (5 * index + 40, 90), (230, 230, 230), -1)
    return np.clip(image, 0, 255).astype(np.uint8)
