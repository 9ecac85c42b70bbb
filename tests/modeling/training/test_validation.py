from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from modeling.data.batches import BatchLoader
from modeling.data.store import SampleStore
from modeling.data.video import decode_clip
from modeling.encoders.dct_codec import DctCodec
from modeling.encoders.geometry import LatentGeometry
from modeling.sampling.denoising import DenoisingConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import ValidationConfig
from modeling.training.loop import train
from tests.modeling.training.small_runs import SMALL, checkpoint, run_config, same


def test_validation_shows_real_clips_beside_samples_of_them(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    config = run_config(validation=ValidationConfig(every_steps=3, clips=2, sampling=DenoisingConfig(steps=2)))
    dataset = make_dataset({SMALL: 5})

    train(config, dataset=dataset, output=tmp_path)

    folders = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert folders == ["step-00000003", "step-00000006"]
    loader = BatchLoader(SampleStore(dataset), config.training.data, seed=0, max_images=6, latents=LatentGeometry())
    wide = replace(SMALL, width=2 * SMALL.width)
    for example in loader.probe().examples[:2]:
        folder = tmp_path / "samples" / "step-00000006"
        shown = decode_clip(folder / f"{example.clip_id}.mp4", wide).astype(float)
        assert example.video is not None
        codec = DctCodec()
        real = codec.decode(codec.encode(torch.from_numpy(example.video)[None]))[0].numpy().astype(float)
        assert np.abs(shown[:, :, : SMALL.width] - real).mean() < 8  # H.264 at half the color resolution
        assert np.abs(shown[:, :, SMALL.width :] - real).mean() > 8
        assert (folder / f"{example.clip_id}.txt").read_text() == example.caption + "\n"


def test_looking_changes_nothing_that_is_trained(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    dataset = make_dataset({SMALL: 5})

    for name, every_steps in (("watched", 2), ("alone", 0)):
        config = run_config(
            validation=ValidationConfig(every_steps=every_steps, clips=1, sampling=DenoisingConfig(steps=1))
        )
        train(config, dataset=dataset, output=tmp_path / name)

    assert same(*(read_tensors(checkpoint(tmp_path / name, 6)) for name in ("watched", "alone")))
