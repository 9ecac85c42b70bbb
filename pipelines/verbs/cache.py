"""`cache`: the latents and text tokens of a dataset, encoded once instead of in every epoch."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dataset_schema import dataset_root
from modeling.data.cache import CacheReport, count_cached_windows, write_cache
from modeling.data.store import SampleStore
from modeling.data.survey import survey
from modeling.encoders import build_encoders
from modeling.training.config import RunConfig
from modeling.training.presets import tiny
from pipelines.config import parse
from pipelines.progress import progress
from storage.devices import torch_device
from storage.places import expect_folder_to_write

_FAILURES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Encode the videos and captions of a dataset for training with `uses_cache`.

    Run it again after an interruption, or when the dataset has grown: it encodes only what is missing. Reference images
    are not cached, because every epoch changes them. Example:
    python -m pipelines cache --dataset out/dataset --config configs/train_tiny.toml

    Attributes:
        dataset: as for `train`; its directory gets `cache/`.
        run: the training run that will use it: its encoders and its buckets count.
        device: where the encoders run, such as `cpu` or `cuda`.
    """

    dataset: Path
    run: RunConfig = field(default_factory=tiny)
    device: str = "cpu"


def main(arguments: Sequence[str]) -> int:
    """Encode, and say what was done; the exit status is 1 if clips failed."""
    command = parse(Cache, arguments, verb="cache")
    report = cache_with_bar(command)
    _show_failures(report)
    print(
        f"cache: {dataset_root(command.dataset) / 'cache'}   clips: {report.clips}, newly encoded: "
        f"{report.encoded_windows} of {report.windows} windows and {report.encoded_captions} captions, "
        f"failed: {len(report.failures)}"
    )
    if report.failures:
        return 1
    print(
        f"use it: make train DATASET={shlex.quote(str(command.dataset))} OUTPUT=... ARGS=--run.training.data.uses-cache"
    )
    return 0


def cache_with_bar(command: Cache) -> CacheReport:
    """Encode with a progress bar."""
    device = torch_device(command.device)
    data = command.run.training.data
    store = SampleStore(command.dataset, data.buckets, fps=command.run.pipeline.model.fps)
    expect_folder_to_write(dataset_root(command.dataset) / "cache")
    encoders = build_encoders(command.run.pipeline.encoders)
    encoders.to(device)
    if findings := survey(store, encoders.text).findings:
        print(findings, file=sys.stderr)
    windows = data.cached_windows
    with progress("cache", total=count_cached_windows(store, windows), unit="window") as report:
        return write_cache(
            store,
            encoders,
            device=device,
            windows=windows,
            null_text=command.run.pipeline.model.null_text,
            on_window=report,
        )


def _show_failures(report: CacheReport) -> None:
    for failure in report.failures[:_FAILURES_SHOWN]:
        print(f"clip {failure.clip_id}: {failure.message}", file=sys.stderr)
    if len(report.failures) > _FAILURES_SHOWN:
        print(f"... and {len(report.failures) - _FAILURES_SHOWN} more", file=sys.stderr)
    if report.failures:
        print("training stops at these clips: curate them again, or take their rows out", file=sys.stderr)
