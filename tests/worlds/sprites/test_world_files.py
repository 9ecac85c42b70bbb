import csv
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dataset_schema import Box
from worlds.sprites import ClipKind, SpriteWorldConfig, make_world, plan_clip, read_truth, render_shot

CONFIG = SpriteWorldConfig(clips=12, frames=17, height=64, width=112, undesirable_share=0.5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"), CONFIG).parent


def rows(world: Path) -> list[dict[str, str]]:
    with (world / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def row_of(world: Path, kind: ClipKind) -> dict[str, str]:
    return next(row for row in rows(world) if read_truth(world / row["truth"]).kind == kind)


def decode(path: Path) -> npt.NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_the_manifest_names_every_clip_with_its_caption(world: Path) -> None:
    found = rows(world)

    assert [row["caption"] for row in found] == [plan_clip(CONFIG, index).caption for index in range(CONFIG.clips)]
    assert all((world / row["video"]).is_file() for row in found)


def test_a_video_shows_the_frames_that_were_drawn(world: Path) -> None:
    index, row = next(
        (index, row)
        for index, row in enumerate(rows(world))
        if read_truth(world / row["truth"]).kind == ClipKind.DESIRABLE
    )
    drawn = render_shot(plan_clip(CONFIG, index).shots[0], height=CONFIG.height, width=CONFIG.width).video

    decoded = decode(world / row["video"])

    with av.open(str(world / row["video"])) as container:
        assert container.streams.video[0].average_rate == CONFIG.fps
    assert decoded.shape == drawn.shape
    error = np.square(decoded.astype(float) - drawn).mean()
    assert 10 * np.log10(255**2 / error) > 27


def test_the_truth_has_the_box_of_every_visible_subject(world: Path) -> None:
    row = next(row for row in rows(world) if len(read_truth(world / row["truth"]).subjects) > 1)
    truth = read_truth(world / row["truth"])
    labels = truth.labels()

    assert labels.shape == (CONFIG.frames, CONFIG.height, CONFIG.width)
    for index, subject in enumerate(truth.subjects):
        assert len(subject.boxes) == CONFIG.frames
        for frame, box in enumerate(subject.boxes):
            x, y, width, height = cv2.boundingRect((labels[frame] == index + 1).astype(np.uint8))
            expected = None if width == 0 else Box(x0=x, y0=y, x1=x + width, y1=y + height)
            assert box == expected


def test_the_cut_of_a_two_shot_video_is_where_the_truth_says(world: Path) -> None:
    row = row_of(world, ClipKind.TWO_SHOTS)
    truth = read_truth(world / row["truth"])

    video = decode(world / row["video"]).astype(int)

    changes = np.abs(np.diff(video, axis=0)).mean(axis=(1, 2, 3))
    assert truth.shot_starts == (0, int(changes.argmax()) + 1)
    cut = truth.shot_starts[1]
    seen = [np.unique(part[part > 0]) for part in (truth.labels()[:cut], truth.labels()[cut:])]
    assert not set(seen[0]) & set(seen[1])
    assert set(seen[0]) | set(seen[1]) == set(range(1, len(truth.subjects) + 1))


def test_a_damaged_video_declares_more_frames_than_it_holds(world: Path) -> None:
    path = world / row_of(world, ClipKind.DAMAGED)["video"]
    decoded = 0

    with av.open(str(path)) as container, pytest.raises(av.InvalidDataError):  # noqa: PT012
        assert container.streams.video[0].frames == CONFIG.frames
        for _ in container.decode(video=0):
            decoded += 1

    assert 0 < decoded < CONFIG.frames


def test_a_text_file_is_no_video(world: Path) -> None:
    path = world / row_of(world, ClipKind.NOT_A_VIDEO)["video"]

    with pytest.raises(av.InvalidDataError):
        av.open(str(path))


def test_making_a_world_again_writes_the_same_files(world: Path, tmp_path: Path) -> None:
    shown: list[None] = []

    make_world(tmp_path, CONFIG, on_clip=lambda: shown.append(None))

    assert len(shown) == CONFIG.clips
    names = {path.relative_to(world) for path in world.rglob("*.*")}
    assert names == {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
    for name in names:
        assert (tmp_path / name).read_bytes() == (world / name).read_bytes(), name
