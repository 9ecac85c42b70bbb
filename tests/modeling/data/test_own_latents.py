"""Latents that were computed elsewhere are trained on as if the autoencoder had just made them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_schema import Bucket
from modeling.data.cache import ClipCache, write_cache
from modeling.data.own_clips import OwnClip
from modeling.data.own_dataset import write_own_dataset
from modeling.data.store import SampleStore
from modeling.data.video import decode_clip
from tests.modeling.data.own_files import draw, film
from tests.modeling.encoders.coarse_encoders import CoarseEncoders

STILL, MOVING = Bucket(1, 32, 64), Bucket(9, 32, 64)
BUCKETS = (STILL, MOVING)
CPU = torch.device("cpu")


@pytest.fixture
def clip(tmp_path: Path) -> OwnClip:
    """A video with latents that no autoencoder made."""
    np.save(tmp_path / "still.npy", np.full((48, 1, 2, 4), 0.25, np.float32))
    np.save(tmp_path / "moving.npy", np.arange(48 * 3 * 2 * 4).reshape(48, 3, 2, 4).astype(np.float16) / 512)
    latents = {"1x32x64": tmp_path / "still.npy", "9x32x64": tmp_path / "moving.npy"}
    return OwnClip(file=film(tmp_path / "a.mp4", size=(64, 32)), caption="A ball.", latents=latents)


def test_given_latents_are_read_and_not_computed_again(clip: OwnClip, tmp_path: Path) -> None:
    encoders = CoarseEncoders()
    dataset = write_own_dataset(tmp_path / "own", [clip], buckets=BUCKETS, encoders=encoders)

    report = write_cache(SampleStore(dataset, BUCKETS), encoders.build(), device=CPU)

    assert (report.windows, report.encoded_windows, report.encoded_captions, report.failures) == (2, 0, 1, ())
    cache = ClipCache.of(SampleStore(dataset, BUCKETS), encoders.build())
    for bucket, name in ((STILL, "1x32x64"), (MOVING, "9x32x64")):
        found = cache.read(bucket, 0, window_s=0.0, with_references=False).latents
        assert found is not None
        assert np.array_equal(found.numpy(), np.load(clip.latents[name]).astype(np.float32))


def test_what_is_not_given_is_computed(clip: OwnClip, tmp_path: Path) -> None:
    encoders = CoarseEncoders()
    some = OwnClip(file=clip.file, caption="A ball.", latents={"1x32x64": clip.latents["1x32x64"]})
    dataset = write_own_dataset(tmp_path / "own", [some], buckets=BUCKETS, encoders=encoders)

    report = write_cache(SampleStore(dataset, BUCKETS), encoders.build(), device=CPU)

    assert report.encoded_windows == 1
    found = ClipCache.of(SampleStore(dataset, BUCKETS), encoders.build()).read(
        MOVING, 0, window_s=0.0, with_references=False
    )
    video = torch.from_numpy(decode_clip(clip.file, MOVING))[None]
    assert found.latents is not None
    assert torch.allclose(found.latents, encoders.build().autoencoder.encode(video)[0], atol=2**-11)


def test_latents_are_of_the_model_s_own_frames_per_second(clip: OwnClip, tmp_path: Path) -> None:
    encoders = CoarseEncoders()
    long = replace(clip, file=film(tmp_path / "b.mp4", frames=14, size=(64, 32)))  # 9 frames at 16 a second, nearly 10

    dataset = write_own_dataset(tmp_path / "own", [long], buckets=BUCKETS, encoders=encoders, fps=16.0)

    store = SampleStore(dataset, BUCKETS, fps=16.0)
    assert write_cache(store, encoders.build(), device=CPU).encoded_windows == 0
    found = ClipCache.of(store, encoders.build()).read(MOVING, 0, window_s=0.0, with_references=False).latents
    assert found is not None
    assert np.array_equal(found.numpy(), np.load(clip.latents["9x32x64"]).astype(np.float32))
    with pytest.raises(ValueError, match="does not fill the bucket 9x32x64 at 16 frames per second"):
        write_own_dataset(tmp_path / "short", [clip], buckets=BUCKETS, encoders=encoders, fps=16.0)


def test_latents_that_do_not_fit_are_each_named_and_nothing_is_written(clip: OwnClip, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((16, 1, 2, 4), np.float32))
    np.save(tmp_path / "whole.npy", np.zeros((48, 1, 2, 4), np.int64))
    np.save(tmp_path / "broken.npy", np.full((48, 3, 2, 4), np.nan, np.float32))
    (tmp_path / "no.npy").write_bytes(b"no array")
    picture = draw(tmp_path / "b.png", seed=1, size=(64, 32))
    wrong = [
        (picture, "A dog.", {"1x32x64": "flat.npy", "9x32x64": "broken.npy"}),
        (clip.file, "A cat.", {"1x32x64": "whole.npy", "9x32x64": "broken.npy"}),
        (clip.file, "A cow.", {"1x32x64": "no.npy", "9x32x64": "gone.npy", "9x32": "a.mp4"}),
    ]
    clips = [
        OwnClip(file=file, caption=caption, latents={bucket: tmp_path / name for bucket, name in latents.items()})
        for file, caption, latents in wrong
    ]

    with pytest.raises(ValueError, match="7 things are wrong") as error:
        write_own_dataset(tmp_path / "own", clips, buckets=BUCKETS, encoders=CoarseEncoders())

    for problem in (
        "flat.npy: they are float32 of (16, 1, 2, 4), expected floats of (48, 1, 2, 4) for 1x32x64",
        "broken.npy: its clip does not fill the bucket 9x32x64 at 24 frames per second, or the dataset has no such",
        "whole.npy: they are int64 of (48, 1, 2, 4), expected floats",
        "broken.npy: clip ",
        "no.npy: they cannot be read (",
        "gone.npy: they cannot be read (",
        "a.mp4: bucket is '9x32', expected FRAMESxHEIGHTxWIDTH",
    ):
        assert f"\n- latents {tmp_path}/{problem}" in str(error.value)
    assert not (tmp_path / "own").exists()


def test_latents_of_nobody_knows_which_autoencoder_are_refused(clip: OwnClip, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="clips have latents, and nothing says whose; expected encoders"):
        write_own_dataset(tmp_path / "own", [clip], buckets=BUCKETS)
