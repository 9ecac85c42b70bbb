"""Latents that were computed elsewhere, in the cache of a dataset: training takes them for those of its autoencoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dataset_schema import Bucket
from modeling.data.cache import OpenShard, video_digest, window_key
from modeling.data.cache_table import LATENTS, CacheTable, Entry
from modeling.data.own_clips import expect_no_problems
from modeling.data.store import SampleStore
from modeling.encoders import EncodersConfig, LatentGeometry, build_encoders


def write_own_latents(
    dataset: Path,
    buckets: Sequence[Bucket],
    given: Mapping[str, Mapping[str, Path]],
    encoders: EncodersConfig,
    *,
    fps: float,
) -> None:
    """Put given latents into the cache of a dataset; what else that needs, `write_cache` adds.

    Args:
        dataset: its directory.
        buckets: the sizes that it is trained at.
        given: clip id -> bucket -> a .npy file, as in `OwnClip.latents`.
        encoders: whose autoencoder they are of; its `version` names them.
        fps: frames per second that they are of.

    Raises:
        ValueError: a file does not hold the latents of its clip in its bucket. The message names each.
    """
    store = SampleStore(dataset, buckets, fps=fps)
    shard = OpenShard(CacheTable(dataset, kind=LATENTS, version=build_encoders(encoders).autoencoder.version))
    rows = {
        bucket: {clip_id: row for row, clip_id in enumerate(store.clip_ids(bucket).to_pylist())}
        for bucket in store.clips_per_bucket()
    }
    problems = []
    for clip_id, files in given.items():
        for name, path in files.items():
            try:
                bucket = Bucket.parse(name)
                if clip_id not in rows.get(bucket, {}):
                    raise ValueError(
                        f"its clip does not fill the bucket {bucket} at {fps:g} frames per second, or the "
                        "dataset has no such bucket"
                    )
                values = _read(path, bucket, encoders.latents)
                sample = store.read(bucket, rows[bucket][clip_id], with_references=False)
                key = window_key(sample, video_digest(sample, store), bucket, window_s=0.0, fps=fps)
                shard.add(Entry(key=key, values=values))
            except ValueError as error:
                problems.append(f"latents {path}: {error}")
    expect_no_problems(problems)
    shard.flush()


def _read(path: Path, bucket: Bucket, geometry: LatentGeometry) -> Float[Tensor, "channels time height width"]:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"they cannot be read ({error}), expected a .npy file of floats") from error
    expected = (geometry.channels, *geometry.shape(bucket))
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != expected:
        found = f"{values.dtype} of {values.shape}" if isinstance(values, np.ndarray) else "several arrays"
        raise ValueError(
            f"they are {found}, expected floats of {expected} for {bucket} (channels, time, height, width)"
        )
    return torch.from_numpy(values.astype(np.float32))
