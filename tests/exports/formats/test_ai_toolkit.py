"""Read as ai-toolkit reads folders for MiniMax-H3 Ref2VA (@27a03a9)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml

from exports.config import ExportConfig
from exports.formats.ai_toolkit import AiToolkit
from exports.planning import plan_clip
from tests.exports.formats.conftest import BROKEN_SOUND, LONGER, ONE, TWO, Exported
from tests.exports.formats.reading import expect_frames, expect_on_white, pace
from tests.exports.made_clips import BLUE, RED, make_sample, shown


def read(folder: Path) -> dict[str, tuple[str, list[Path]]]:
    """Captions and pictures by stem: a picture that one folder lacks would move the others up without a word."""
    config = yaml.safe_load((folder / "datasets.yaml").read_text(encoding="utf-8"))
    found = {}
    for dataset in config["datasets"]:
        assert dataset["shrink_video_to_frames"] is False
        assert dataset["control_transparent_color"] == [255, 255, 255]
        assert dataset["num_frames"] % 17 == 5
        videos = sorted(Path(dataset["folder_path"]).rglob("*.mp4"))
        assert videos
        for number, references in enumerate(dataset["control_path"], start=1):
            assert Path(references).name == f"ref{number}"
            assert {path.stem for path in Path(references).iterdir()} == {path.stem for path in videos}
        for video in videos:
            caption = video.with_suffix(".txt").read_text(encoding="utf-8")
            assert caption.strip(), "it would be trained with an empty one"
            assert len(shown(video)) >= dataset["num_frames"]
            assert pace(video) == dataset["fps"] == 24
            assert video.stem not in found, "equal names collide"
            found[video.stem] = (caption, [Path(each) / f"{video.stem}.png" for each in dataset["control_path"]])
    return found


def test_what_the_reader_gets_is_what_went_in(exported: Callable[..., Exported]) -> None:
    found = exported("ai-toolkit")

    items = read(found.folder)

    assert {stem: len(pictures) for stem, (_, pictures) in items.items()} == {
        TWO: 2,
        LONGER: 2,
        BROKEN_SOUND: 2,
        ONE: 1,
    }
    assert items[ONE][0] == "A dog (<Picture 1>) sleeps."
    assert items[TWO][0] == "A woman (<Picture 1>) in a red coat walks her dog (<Picture 2>) along the beach."
    expect_on_white(items[TWO][1][0], RED)
    expect_on_white(items[TWO][1][1], BLUE)
    expect_frames(next(found.folder.glob(f"*/videos/{TWO}.mp4")), list(range(124)))


def test_what_the_reader_replaces_in_captions_is_found() -> None:
    form, sample = AiToolkit(), make_sample(video=b"not looked at")
    clip = plan_clip(sample, form, ExportConfig(), root=Path(), has_bytes=True).clip
    odd = replace(clip, caption="[trigger] walks (<Picture 1>) (<Picture 2>).")

    assert list(form.problems(form.row(odd, sample), odd)) == [
        "its caption has [trigger] or [name], which the reader replaces"
    ]
