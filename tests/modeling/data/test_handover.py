"""Batches come to a training step as its device and its image encoder take them, with the values they always have."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket
from modeling.data.batches import Batch, BatchLoader, DataConfig
from modeling.data.cache import ClipCache, write_cache
from modeling.data.handover import Handover
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.encoders import LatentGeometry
from modeling.training.presets import tiny

BUCKET = Bucket(5, 32, 48)
BATCHING = BatchingConfig(tokens_per_device=12, devices_per_group=4)
MakeDataset = Callable[..., Path]
CPU = torch.device("cpu")


class Pinning:
    """In place of page-locked memory, which only a GPU's driver gives: memory of its own, and who asked for it."""

    def __init__(self) -> None:
        self.places: set[int] = set()
        self.threads: set[str] = set()

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        pinned = tensor.clone()
        self.places.add(pinned.data_ptr())
        self.threads.add(threading.current_thread().name)
        return pinned


def loader(dataset: Path, *, uses_cache: bool = False) -> BatchLoader:
    data = DataConfig(batching=BATCHING, image_dropout=0.0, uses_cache=uses_cache)
    store = SampleStore(dataset)
    clips = ClipCache.of(store, tiny().pipeline.encoders.build()) if uses_cache else store
    return BatchLoader(clips, data, seed=0, max_images=6, latents=LatentGeometry())


def fetched(batch: Batch) -> torch.Tensor:
    """What goes to the device."""
    latents = batch.latents()
    return batch.videos() if latents is None else latents


@pytest.mark.parametrize("uses_cache", [False, True], ids=["videos", "latents"])
def test_what_goes_to_the_device_lies_in_pinned_memory_and_is_the_same(
    make_dataset: MakeDataset, uses_cache: bool
) -> None:
    dataset, pinning = make_dataset({BUCKET: 5}), Pinning()
    if uses_cache:
        write_cache(SampleStore(dataset), tiny().pipeline.encoders.build(), device=CPU)
    batches = loader(dataset, uses_cache=uses_cache)

    pinned = list(batches.batches(range(3), handover=Handover(pin=pinning)))

    assert len(pinning.places) == 3
    assert threading.current_thread().name not in pinning.threads
    for step, batch in enumerate(pinned):
        assert torch.equal(fetched(batch), fetched(batches.batch(step)))
        assert fetched(batch).data_ptr() in pinning.places
        parts = batch.split(2)
        assert torch.equal(torch.cat([fetched(part) for part in parts]), fetched(batch))
        assert {fetched(part).untyped_storage().data_ptr() for part in parts} <= pinning.places


def test_the_videos_of_a_batch_are_in_memory_once(make_dataset: MakeDataset) -> None:
    batch = loader(make_dataset({BUCKET: 5})).batch(0)

    assert all(np.shares_memory(np.asarray(example.video), batch.videos().numpy()) for example in batch.examples)


def test_pictures_come_as_the_squares_that_the_encoder_makes_of_them(make_dataset: MakeDataset) -> None:
    batches, encoders = loader(make_dataset({BUCKET: 5})), tiny().pipeline.encoders.build()
    handover = Handover.to_device(CPU, encoders.prepare_image)

    for plain, ready in zip(batches.batches(range(3)), batches.batches(range(3), handover=handover), strict=True):
        pictures, squares = (
            [image.image for each in batch.examples for image in each.images] for batch in (plain, ready)
        )
        assert {square.size for square in squares} == {(32, 32)} != {picture.size for picture in pictures}
        assert torch.equal(encoders.image.encode(squares), encoders.image.encode(pictures))


def test_a_gpu_fetches_from_page_locked_memory_and_a_processor_needs_none() -> None:
    def unchanged(image: Image.Image) -> Image.Image:
        return image

    assert Handover.to_device(torch.device("cuda", 0), unchanged).pin == torch.Tensor.pin_memory
    assert Handover.to_device(CPU, unchanged).pin is None


@pytest.mark.gpu
def test_on_a_gpu_batches_are_page_locked(make_dataset: MakeDataset) -> None:
    handover = Handover.to_device(torch.device("cuda"), lambda image: image)

    (batch,) = loader(make_dataset({BUCKET: 5})).batches(range(1), handover=handover)

    assert batch.videos().is_pinned()
    assert torch.equal(batch.videos().to("cuda", non_blocking=True).cpu(), batch.videos())
