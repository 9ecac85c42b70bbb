"""One video, explained: on videos drawn here, with annotators that know the truth; and once with the real ones."""

import csv
import io
import json
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch
from PIL import Image, ImageColor

from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.profiles import CurationConfig
from curation.stages.content_filter import ContentFilterConfig
from dataset_schema import FailedClip, RejectedClip, Sample, read_shard, shard_paths
from pipelines.__main__ import main
from pipelines.terminal import terminal
from pipelines.verbs.curate import Curate, curate
from pipelines.verbs.explain import FAILED, REJECTED, Explain, exit_status, explain
from pipelines.views.colors import KIND_COLORS
from pipelines.views.colors import REJECTED as REJECTED_COLOR
from pipelines.views.explained.chart import shots_chart
from pipelines.views.explained.explanation import Explanation
from pipelines.views.explained.page import explained_page
from pipelines.views.explained.text import print_explanation
from pipelines.views.html import STATIC
from storage.address import Place
from tests.pipelines.scripted_annotators import SUBJECT, ScriptedContent, ScriptedShots, scripted_stages
from tests.pipelines.shown_page import ShownPage
from tests.test_makefile import arguments
from worlds.sprites import ClipKind, SpriteWorldConfig, make_world, read_truth, write_video

CAPTION = "A dog runs on the grass."
HEIGHT, WIDTH, FRAMES, FPS = 180, 320, 48, 24
GROUND = (40, 130, 70)
CONFIG = CurationConfig(content_filter=ContentFilterConfig(min_desirable=0.5), buckets=("17x144x256", "33x144x256"))


def draw(path: Path, *, sides: Sequence[int] = (90, 90, 90)) -> Path:
    """A subject that crosses the frame; its size in the first, the second and the last third of the video."""
    noise = np.random.default_rng(0).integers(-12, 13, (HEIGHT, WIDTH, 1))
    shade = np.linspace(-25, 25, WIDTH)[:, None]
    video = np.broadcast_to(np.array(GROUND) + noise + shade, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    for index, frame in enumerate(video):
        side = sides[index * 3 // FRAMES]
        x, y = 20 + 3 * index, 40
        frame[y : y + side, x : x + side] = np.clip(np.array(SUBJECT) + noise[:side, :side], 0, 255)
    write_video(path, video, FPS)
    return path


def explained(
    video: Path,
    caption: str = CAPTION,
    *,
    config: CurationConfig = CONFIG,
    shots: ScriptedShots | None = None,
    content: ScriptedContent | None = None,
    dataset: Path | None = None,
) -> Explanation:
    """The video explained by annotators that know the truth."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.verbs.curate.build_stages", partial(scripted_stages, shots=shots, content=content))
        return explain(Explain(video=video, caption=caption, curation=config, dataset=dataset))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Explanation:
    return explained(draw(tmp_path_factory.mktemp("kept") / "dog.mp4"))


def text_of(explanation: Explanation) -> str:
    """The terminal's text without color, as one line of words."""
    console = terminal(width=100)
    with console.capture() as capture:
        print_explanation(console, explanation)
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 100
    return " ".join(" ".join(lines).split())


def near(image: Image.Image, color: str | tuple[int, int, int], distance: int = 24) -> npt.NDArray[np.bool_]:
    """Where a picture has about this color."""
    rgb = ImageColor.getrgb(color)[:3] if isinstance(color, str) else color
    found: npt.NDArray[np.bool_] = np.abs(np.asarray(image).astype(int) - rgb).max(axis=2) < distance
    return found


def page_of(explanation: Explanation) -> ShownPage:
    return ShownPage(explained_page(explanation))


def test_a_kept_clip_says_what_was_found_and_how_surely(kept: Explanation) -> None:
    said = text_of(kept)

    assert exit_status(kept) == 0
    assert said.startswith("KEPT dog.mp4 what 3 reference images of 'dog', a background")
    assert "A dog [subject] runs on the grass [background]." in said
    assert "dog [subject] in 3 of 3 frames, with confidence: 0.08 s (0.80)" in said
    assert "1: 0.00 to 2.00 s" in said
    assert "desirable 0.90, still foreground 0.04" in said
    assert "fills 144x256 with up to 33 frames" in said


def test_brackets_in_a_name_and_a_caption_are_printed_as_they_are(tmp_path: Path) -> None:
    said = text_of(explained(draw(tmp_path / "[v2].mp4"), "A dog [/] runs [bold red] on the grass."))

    assert "[v2].mp4" in said
    assert "A dog [subject] [/] runs [bold red] on the grass" in said


@dataclass(frozen=True)
class ReadingLocatorConfig:
    """A third way to find entities, which reads words."""

    profile: str = "mine"
    reads_words: ClassVar[bool] = True


def test_whether_a_locator_reads_words_is_asked_of_the_locator_s_config(kept: Explanation) -> None:
    moving, own = (
        replace(CONFIG, annotators=replace(CONFIG.annotators, masks=cast("Any", masks)))
        for masks in (MovingObjectConfig(), ReadingLocatorConfig())
    )

    said_of_motion, said_of_reading = (text_of(replace(kept, config=config)) for config in (moving, own))

    assert "locator does not read words: look whether what is outlined is 'dog'" in said_of_motion
    assert "does not read words" not in said_of_reading


def test_the_page_has_the_caption_as_it_is_with_words_in_the_color_of_their_kind(kept: Explanation) -> None:
    (story,) = kept.stories
    assert story.clip is not None
    caption = f"{CAPTION} \u72ac\u304c\u8d70\u308b \u0643\u0644\u0628 \U0001f415 <b>&amp;"
    told = replace(kept, stories=(replace(story, clip=replace(story.clip, caption=caption)),))

    page = page_of(told)

    page.expect_to_be_one_file()
    (said,) = page.of_class("said")
    assert said.text == caption
    assert [(each.text, each.attributes["class"]) for each in page.of_tag("span")[:2]] == [
        ("dog", "subject"),
        ("grass", "background"),
    ]
    for kind, color in KIND_COLORS.items():
        assert f"--{kind}: {color}" in (STATIC / "style.css").read_text()


def test_a_picture_that_is_not_good_enough_is_shown_with_the_reason(tmp_path: Path) -> None:
    explanation = explained(draw(tmp_path / "dog.mp4", sides=(90, 90, 30)))

    page = page_of(explanation)

    assert "2 good pictures; dropped the one at 1.88 s: too small (short side" in text_of(explanation)
    assert [each.text for each in page.of_class("good")] == ["dog at 0.08 s: good", "dog at 1.00 s: good"]
    (dropped,) = page.of_class("left-out")
    assert dropped.text.startswith("dog at 1.88 s: dropped: too small (short side")
    crops = page.pictures("dog")
    assert len(crops) == 3
    for crop in crops:
        assert near(crop.convert("RGB"), SUBJECT).mean() > 0.9


def test_every_frame_has_the_outline_of_its_mask(kept: Explanation) -> None:
    page = page_of(kept)

    assert kept.whole is not None
    assert kept.whole.frames is not None
    references = kept.whole.frames.reference_frames
    frames, outlines, paths, rects = (page.of_tag(tag) for tag in ("image", "g", "path", "rect"))
    located = [rect for rect in rects if "x" in rect.attributes]
    assert [outline.attributes["class"] for outline in outlines] == ["outline subject"] * 3
    for reference, frame, path, rect in zip(references, frames, paths, located, strict=True):
        # The drawn subject moves by 3 pixels a frame.
        left = 20 + 3 * reference.index
        points = np.array([point.split(",") for point in path.attributes["d"].strip("MZ").split()], int)
        assert points.min(axis=0) == pytest.approx((left, 40), abs=4)
        assert points.max(axis=0) == pytest.approx((left + 90, 130), abs=4)
        assert [float(rect.attributes[name]) for name in ("x", "y", "width", "height")] == pytest.approx(
            [left, 40, 90, 90], abs=5
        )
        rows, columns = np.nonzero(near(frame.picture.convert("RGB"), SUBJECT))
        assert (np.median(columns), np.median(rows)) == pytest.approx((left + 45, 85), abs=3)


def test_the_background_stands_beside_the_frame_it_was_made_from(kept: Explanation) -> None:
    page = page_of(kept)

    (frame,), (background,) = (page.pictures(alt) for alt in ("the frame it was made from", "the background"))
    assert near(frame.convert("RGB"), SUBJECT).mean() > 0.1
    assert near(background.convert("RGB"), SUBJECT).mean() < 0.01
    assert near(background.convert("RGB"), GROUND, 60).mean() > 0.9


def test_the_curve_has_its_peaks_where_the_shots_change(tmp_path: Path) -> None:
    explanation = explained(draw(tmp_path / "dog.mp4"), shots=ScriptedShots(cuts=(11, 35)))
    whole = explanation.whole
    assert whole is not None
    assert whole.frames is not None

    (axes,) = shots_chart(explanation, whole.frames).axes

    (red,) = (patch for patch in axes.patches if to_hex(patch.get_facecolor()) == REJECTED_COLOR)
    assert isinstance(red, StepPatch)
    values, edges, _ = red.get_data()
    assert edges[:-1][np.asarray(values) > 0.5] == pytest.approx([0.5, 1.5])
    assert {text.get_text() for text in axes.texts} == {"shot 1", "shot 2", "shot 3"}
    assert [round(time_s, 2) for shot in explanation.shots_s for time_s in shot] == [0, 0.5, 0.5, 1.5, 1.5, 2]
    assert "The video: 3 shots" in page_of(explanation).text


REJECTIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "several_shots": ({"shots": ScriptedShots(cuts=(11,))}, "single_shot_filter", "0.90 (limit 0.5), at 0.50 s"),
    "still_foreground": (
        {"content": ScriptedContent((0.2, 0.7, 0.05, 0.03, 0.02))},
        "content_filter",
        "desirable has probability 0.20, expected 0.50",
    ),
    "plural_subject_word": ({"caption": "Two dogs run on the grass."}, "entity_words", "several individuals: 'dogs'"),
    "no_subject_word": ({"caption": "The grass is green."}, "entity_words", "no word of the caption names"),
    "no_caption": ({"caption": ""}, "entity_words", "the clip has no caption"),
}


@pytest.mark.parametrize("reason", REJECTIONS)
def test_a_rejected_clip_names_the_rule_the_score_and_what_to_do(tmp_path: Path, reason: str) -> None:
    changes, stage, why = REJECTIONS[reason]

    explanation = explained(draw(tmp_path / "dog.mp4"), **changes)

    said = text_of(explanation)
    assert exit_status(explanation) == REJECTED
    assert said.startswith(f"REJECTED by {stage}: {reason} dog.mp4 why")
    assert why in said
    (advice,) = {rule.advice for rule in explanation.stories[0].policy[stage] if rule.code == reason}
    assert advice
    assert f"what to do {advice}" in said
    # All stages scored it nevertheless.
    assert "1 shot;" in said or "2 shots;" in said
    assert "still foreground" in said
    (banner,) = page_of(explanation).of_class("banner", "rejected")
    assert banner.text.startswith(f"REJECTED by {stage}: {reason} ")
    assert why in banner.text
    assert f"What to do: {advice}" in banner.text


def test_a_subject_that_nobody_finds(tmp_path: Path) -> None:
    explanation = explained(draw(tmp_path / "dog.mp4", sides=(0, 0, 0)))

    said = text_of(explanation)

    assert said.startswith("REJECTED by entity_masks: no_subject_located")
    assert "dog [subject] not located" in said
    assert "docs/paper_profile.md" in said
    assert "also broken" not in said


@pytest.mark.parametrize("caption", [CAPTION, ""])
def test_a_file_that_is_no_video_says_so(tmp_path: Path, caption: str) -> None:
    (tmp_path / "page.mp4").write_text("<!DOCTYPE html><html>404</html>")

    explanation = explained(tmp_path / "page.mp4", caption)

    said = text_of(explanation)
    assert "is a text file, not a video" in said
    assert "is a text file, not a video" in page_of(explanation).of_class("banner")[0].text
    # Without a caption it is rejected before it is opened, as `curate` does it.
    assert exit_status(explanation) == (FAILED if caption else REJECTED)


def test_a_split_video_has_a_verdict_for_every_shot(tmp_path: Path) -> None:
    config = replace(CONFIG, several_shots="split")

    explanation = explained(draw(tmp_path / "dog.mp4"), config=config, shots=ScriptedShots(cuts=(15,)))

    said = text_of(explanation)
    ends = [type(story.outcome) for story in explanation.stories]
    assert ends == [RejectedClip, Sample]
    assert exit_status(explanation) == 0
    assert said.startswith("1 of 2 shots KEPT")
    assert "REJECTED by shot_frames: too_short" in said
    # Half a second on both sides of the change belongs to neither shot.
    assert [start_s for start_s, _ in explanation.shots_s] == [0.0, pytest.approx(16 / FPS + 0.5, abs=0.01)]
    page = page_of(explanation)
    assert [banner.attributes["class"] for banner in page.of_class("banner")] == ["banner passed"] * 2
    assert "1 of 2 shots KEPT" in page.text
    assert "0.00 to 0.17 s: REJECTED by shot_frames: too_short" in page.text


def test_nothing_is_left_behind_unless_asked(tmp_path: Path) -> None:
    video = draw(tmp_path / "dog.mp4")

    explained(video)
    explanation = explained(video, dataset=tmp_path / "dataset")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "dog.mp4"]
    (sample,) = [row for path in shard_paths(tmp_path / "dataset", Sample) for row in read_shard(path, Sample)]
    assert sample == explanation.stories[0].outcome
    with pytest.raises(ValueError, match="expected a new folder"):
        explained(video, dataset=tmp_path / "dataset")


@pytest.mark.parametrize(("name", "problem"), [("none.mp4", "does not exist"), (".", "is a folder; `curate --input")])
def test_a_video_that_is_not_there_is_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, problem: str
) -> None:
    status = main(["explain", str(tmp_path / name), CAPTION])

    assert status == 2
    assert problem in capsys.readouterr().err


def test_make_hands_over_paths_and_captions_to_the_letter() -> None:
    found = arguments("explain", VIDEO='my dog\'s "best".mp4', CAPTION='A "dog\'s" ball.', OUTPUT="a page.html")

    options = ("--output", "a page.html", "--", 'my dog\'s "best".mp4', 'A "dog\'s" ball.')
    assert found == ["-m", "pipelines", "explain", *options]


@pytest.mark.parametrize("changes", [{}, *(changes for changes, _, _ in REJECTIONS.values())])
def test_the_verdict_is_that_of_curate(tmp_path: Path, changes: dict[str, Any]) -> None:
    video = draw(tmp_path / "dog.mp4")
    command = _curation(tmp_path, video, changes.get("caption", CAPTION), CONFIG)
    annotators = {name: value for name, value in changes.items() if name != "caption"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.verbs.curate.build_stages", partial(scripted_stages, **annotators))
        curate(command)

    explanation = explained(video, **changes)

    status, headline = _end(command.output)
    assert exit_status(explanation) == status
    assert text_of(explanation).startswith(headline)


def test_the_verdict_is_that_of_curate_with_the_real_annotators(tmp_path: Path) -> None:
    config = SpriteWorldConfig(clips=12, frames=17, undesirable_share=0.5, max_subjects=1, occluder_share=0.0)
    world = make_world(tmp_path / "world", config)
    rows = {read_truth(world.parent / row["truth"]).kind: row for row in csv.DictReader(world.read_text().splitlines())}
    for kind in (ClipKind.DESIRABLE, ClipKind.NOT_A_VIDEO):
        video, caption, folder = world.parent / rows[kind]["video"], rows[kind]["caption"], tmp_path / kind
        folder.mkdir()
        command = _curation(folder, video, caption, CurationConfig(buckets=("17x80x144",)))
        curate(command)

        said, page = io.StringIO(), folder / "page.html"
        with redirect_stdout(said):
            options = ("--output", str(page), "--curation.buckets", "17x80x144")
            status = main(["explain", str(video), caption, *options])

        expected, headline = _end(command.output)
        assert status == expected
        assert " ".join(said.getvalue().split()).startswith(headline)
        shown = ShownPage(page.read_text())
        shown.expect_to_be_one_file()
        assert shown.of_class("banner")[0].text.startswith(headline)


def _curation(folder: Path, video: Path, caption: str, config: CurationConfig) -> Curate:
    """`curate` as a user would run it on this one video."""
    manifest = folder / "manifest.jsonl"
    manifest.write_text(json.dumps({"video": str(video), "caption": caption}) + "\n")
    return Curate(input=manifest, output=folder / "dataset", curation=config, executor="local")


def _end(dataset: Place) -> tuple[int, str]:
    """The exit status that the only clip of a dataset stands for, and the first words about it."""
    kept = [row for path in shard_paths(dataset, Sample) for row in read_shard(path, Sample)]
    rejected = [row for path in shard_paths(dataset, RejectedClip) for row in read_shard(path, RejectedClip)]
    failed = [row for path in shard_paths(dataset, FailedClip) for row in read_shard(path, FailedClip)]
    ends = [(0, "KEPT") for _ in kept]
    ends += [(REJECTED, f"REJECTED by {row.reasons[0].stage}: {row.reasons[0].reason}") for row in rejected]
    ends += [(FAILED, f"FAILED in {row.stage}: {row.kind} error") for row in failed]
    (end,) = ends
    return end
