"""Read by `datasets`' own videofolder, and as FastVideo and diffusion-pipe read."""

import json
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest

from tests.exports.formats.conftest import Exported


def test_every_reader_finds_every_clip_with_its_caption(exported: Callable[..., Exported]) -> None:
    found = exported("plain")

    assert found.finished.counts.written == len(found.samples) == 5
    for sample in found.samples.values():
        video = found.folder / "videos" / f"{sample.clip_id}.mp4"
        assert video.read_bytes() == sample.video.bytes
        assert video.with_suffix(".txt").read_text(encoding="utf-8") == sample.caption


def test_fastvideo_finds_its_keys(exported: Callable[..., Exported]) -> None:
    found = exported("plain")

    rows = json.loads((found.folder / "videos2caption.json").read_text(encoding="utf-8"))

    for row in rows:
        sample = found.samples[Path(row["path"]).stem]
        assert row["cap"] == [sample.caption]
        assert row["resolution"] == {"height": sample.height, "width": sample.width}
        assert (row["fps"], row["num_frames"]) == (sample.fps, sample.num_frames)
        assert row["duration"] == pytest.approx(sample.num_frames / sample.fps)


def test_videofolder_opens_it(
    exported: Callable[..., Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "TORCHCODEC_AVAILABLE", False)  # as without FFmpeg: nothing is decoded
    found = exported("plain")

    rows = datasets.load_dataset("videofolder", data_dir=str(found.folder), split="train")
    rows = rows.cast_column("video", datasets.Video(decode=False))

    assert {Path(row["video"]["path"]).stem: row["text"] for row in rows} == {
        sample.clip_id: sample.caption for sample in found.samples.values()
    }
