"""Read as musubi-tuner reads MiniMax-H3 Ref2VA (docs/minimax_h3.md @0678233, dataset/datasources.py @00bd97a)."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exports.config import ExportConfig
from exports.formats.minimax_h3 import h3_problems
from exports.formats.musubi import Musubi
from exports.planning import plan_clip
from exports.refusal import Reason, Refused
from tests.exports.formats.conftest import BROKEN_SOUND, LONGER, ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import expect_frames, expect_on_white, frames_by_time, sound_lag_s
from tests.exports.made_clips import BLUE, CAPTION, RED, make_sample


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Every item of the dataset by its video, as strictly as the reader: whatever stops it fails here."""
    config = tomllib.loads((folder / "dataset.toml").read_text(encoding="utf-8"))
    general = config["general"]
    assert all(side % 32 == 0 for side in general["resolution"])
    assert general["batch_size"] == 1
    caches = [each["cache_directory"] for each in config["datasets"]]
    assert len(set(caches)) == len(caches)
    items = {}
    for each in config["datasets"]:
        rows = Path(each["video_jsonl_file"])
        (target,) = each["target_frames"]
        assert target % 17 == 5
        assert 124 <= target <= 345
        for line in rows.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            assert set(row) == {"video_path", "caption", "references"}
            video = rows.parent / row["video_path"]
            assert frames_by_time(video, 24.0) >= target, "it would silently give no item"
            assert all(set(reference) == {"type", "path"} for reference in row["references"])
            pictures = [rows.parent / reference["path"] for reference in row["references"]]
            assert {reference["type"] for reference in row["references"]} == {"image"}
            assert all(path.is_file() for path in pictures)
            assert 1 <= len(pictures) <= 9
            named = {int(number) for number in re.findall(r"<Picture (\d+)>", row["caption"])}
            assert named == set(range(1, len(pictures) + 1))
            lag_s = sound_lag_s(video)
            assert lag_s is None or lag_s <= 0.025, "the run would stop"
            items[video.stem] = {"video": video, "pictures": pictures, "caption": row["caption"], "frames": target}
    return items


def test_what_the_reader_gets_is_what_went_in(exported: Callable[..., Exported]) -> None:
    found = exported("musubi")

    items = read(found.folder)

    assert set(items) == {TWO, ONE, LONGER, BROKEN_SOUND}
    assert found.finished.counts.refused == {Reason.TOO_SHORT: 1}
    assert {clip: item["frames"] for clip, item in items.items()} == {
        TWO: 124,
        ONE: 124,
        BROKEN_SOUND: 124,
        LONGER: 141,
    }
    for clip in (TWO, ONE, LONGER):
        assert Path(str(items[clip]["video"])).read_bytes() == found.samples[clip].video.bytes
    woman, dog = items[TWO]["pictures"]
    expect_on_white(woman, RED)
    expect_on_white(dog, BLUE)
    without_tags = re.sub(r" \(<\w+ \d+>\)", "", str(items[TWO]["caption"]))
    assert CAPTION in without_tags


def test_sound_that_would_stop_the_run_is_filled_with_silence(exported: Callable[..., Exported]) -> None:
    found = exported("musubi")

    video = found.folder / "videos" / f"{BROKEN_SOUND}.mp4"
    lag_s = sound_lag_s(video)
    assert lag_s is not None
    assert lag_s <= 0.025
    expect_frames(video, list(range(124)))
    assert not found.clips()[BROKEN_SOUND]["video"]["is_copy"]  # type: ignore[index]


def test_the_short_one_is_told_with_its_length(exported: Callable[..., Exported]) -> None:
    found = exported("musubi")

    assert found.finished.counts.examples[Reason.TOO_SHORT].startswith(f"{SHORT}: 0.83 s give 20 frames at 24 fps")


def test_the_models_own_limits_are_kept_before_the_reader_stops_at_them() -> None:
    sample = make_sample(video=b"not looked at")
    clip = plan_clip(sample, Musubi(), ExportConfig(), root=Path(), has_bytes=True).clip

    assert list(h3_problems(clip)) == []
    many = replace(clip, pictures=clip.pictures * 5)
    assert "it has 10 pictures, expected 1 to 9" in list(h3_problems(many))
    beyond = replace(clip, caption="A woman (<Picture 3>).")
    assert list(h3_problems(beyond)) == ["its caption names picture 3 of 2"]
    off = replace(clip, video=replace(clip.video, frames=125, height=16))
    assert len(list(h3_problems(off))) == 2


def test_a_row_that_the_reader_would_not_take_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Musubi, "problems", lambda *_: iter(["it is odd"]))

    with pytest.raises(Refused, match="it is odd") as caught:
        plan_clip(make_sample(video=b"-"), Musubi(), ExportConfig(), root=Path(), has_bytes=True)

    assert caught.value.reason is Reason.NOT_FOR_READER
