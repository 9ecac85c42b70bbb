"""The copy index, on videos that are drawn to copy, to obey or neither."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from modeling.data.video import Video
from pipelines.proof.copying import copying_figures
from pipelines.proof.held_out import HeldOut, HeldOutSubject, read_held_out
from pipelines.proof.sampling import clips_for
from pipelines.proof.scores import ClipScore, Condition, Figure
from pipelines.proof.scoring import Judge
from tests.pipelines.proof.small_proof import BUCKET, Proof
from worlds.sprites import (
    Change,
    ChangesConfig,
    Shot,
    SmallWorldConfig,
    State,
    Track,
    Way,
    in_state,
    opposite,
    plan_in_small_world,
    render_shot,
    sides,
)

SIDE = 144
WORLD = SmallWorldConfig(
    seed=3, frames=18, height=SIDE, width=SIDE, subjects=(1,), changes=ChangesConfig(kinds=tuple(Change))
)
CLIPS = 8


def draw(shot: Shot) -> Video:
    """The shot in the size that a model samples."""
    large = render_shot(shot, height=SIDE, width=SIDE).video
    return np.stack([cv2.resize(frame, (48, 48), interpolation=cv2.INTER_AREA) for frame in large]).astype(np.uint8)


def way_of(track: Track) -> Way:
    across, down = track.end[0] - track.start[0], track.end[1] - track.start[1]
    if abs(across) > abs(down):
        return Way.RIGHT if across > 0 else Way.LEFT
    return Way.DOWN if down > 0 else Way.UP


def held_out(index: int) -> HeldOut:
    plan = plan_in_small_world(WORLD, index)
    first, second = (shot.subjects[0] for shot in plan.shots)
    subject = HeldOutSubject(
        word=first.word,
        name=first.word,
        texture=first.texture,
        way=way_of(first.track),
        pictures=(Image.new("RGBA", (8, 8)),),
        state=first.state,
        told=tuple(word for word in first.state if word in plan.caption),
        pictured=(second.state,),
    )
    place = plan.shots[0].place.value
    return HeldOut(number=index, caption=plan.caption, place=place, subjects=(subject,), video=draw(plan.shots[0]))


def video(index: int, state: State) -> Video:
    """The held-out clip with its subject in another state."""
    shot = plan_in_small_world(WORLD, index).shots[0]
    plain = plan_in_small_world(replace(WORLD, changes=ChangesConfig()), index).shots[0].subjects[0]
    return draw(replace(shot, subjects=(in_state(plain, state),)))


@pytest.fixture(scope="module")
def clips() -> list[HeldOut]:
    return [held_out(index) for index in range(CLIPS)]


@pytest.fixture(scope="module")
def judge(clips: list[HeldOut]) -> Judge:
    return Judge(clips, candidates=3)


def scored(
    judge: Judge, clips: Sequence[HeldOut], condition: Condition, shows: Callable[[HeldOutSubject], State]
) -> list[ClipScore]:
    return [judge.score(clip, video(clip.number, shows(clip.subjects[0])), condition) for clip in clips]


def figures(condition: Condition, scores: Sequence[ClipScore], name: str) -> dict[str, Figure]:
    return {each.clips: each for each in copying_figures(condition, scores, None) if each.name == name}


def test_one_that_copies_has_the_index_1_and_one_that_does_as_told_0(judge: Judge, clips: list[HeldOut]) -> None:
    copier = scored(judge, clips, Condition.CONTRARY, lambda subject: subject.pictured[0])
    follower = scored(judge, clips, Condition.CONTRARY, lambda subject: opposite(subject.pictured[0]))

    copied, followed = (figures(Condition.CONTRARY, scores, "as the picture shows") for scores in (copier, follower))

    kinds: dict[str, int] = {"all changes": 4 * CLIPS, **dict.fromkeys(Change, CLIPS)}
    assert {clips: (each.value, each.count) for clips, each in copied.items()} == {
        name: (1.0, count) for name, count in kinds.items()
    }
    assert {clips: (each.value, each.count) for clips, each in followed.items()} == {
        name: (0.0, count) for name, count in kinds.items()
    }
    # The texture is there all the same, and so is the way.
    assert all(all((*score.retrieves, *score.goes_its_way)) for score in (*copier, *follower))


def test_one_that_copies_a_single_change_is_told_by_its_name(judge: Judge, clips: list[HeldOut]) -> None:
    def copies_its_light(subject: HeldOutSubject) -> State:
        of_picture = sides(subject.pictured[0])
        asked = sides(opposite(subject.pictured[0]))
        return tuple((asked | {Change.LIGHT: of_picture[Change.LIGHT]}).values())

    found = figures(
        Condition.CONTRARY, scored(judge, clips, Condition.CONTRARY, copies_its_light), "as the picture shows"
    )

    assert {name: each.value for name, each in found.items()} == {
        "all changes": 0.25,
        "facing": 0.0,
        "lean": 0.0,
        "light": 1.0,
        "size": 0.0,
    }


def test_one_that_does_not_look_is_at_chance(judge: Judge, clips: list[HeldOut]) -> None:
    """The clip's own state was drawn without a look at the picture's, so its real video is such a one."""
    scores = [judge.score(clip, clip.video, Condition.CONTRARY) for clip in clips]

    found = figures(Condition.CONTRARY, scores, "as the picture shows")["all changes"]

    shown = [clip.subjects[0].state for clip in clips]
    pictured = [clip.subjects[0].pictured[0] for clip in clips]
    expected = np.array(shown) == np.array(pictured)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low < 0.5 < found.high


def test_where_the_caption_is_silent_only_what_it_does_not_tell_counts(judge: Judge, clips: list[HeldOut]) -> None:
    scores = scored(judge, clips, Condition.WITH, lambda subject: subject.pictured[0])

    found = figures(Condition.WITH, scores, "as the picture shows")["all changes"]

    untold = sum(4 - len(clip.subjects[0].told) for clip in clips)
    assert 0 < untold < 4 * CLIPS
    assert (found.value, found.count) == (1.0, untold)


def test_a_real_clip_shows_what_is_true_and_what_its_caption_tells(judge: Judge, clips: list[HeldOut]) -> None:
    for condition in (Condition.REAL, Condition.WITH):
        scores = [judge.score(clip, clip.video, condition) for clip in clips]

        found = figures(condition, scores, "as the caption tells")["all changes"]

        told = sum(len(clip.subjects[0].told) for clip in clips)
        assert (found.value, found.count) == (1.0, 4 * CLIPS if condition is Condition.REAL else told)


@pytest.mark.parametrize(("copied", "is_met"), [(0, True), (1, True), (2, False)])
def test_the_limit_is_for_all_changes_against_the_caption(copied: int, is_met: bool) -> None:
    answers = tuple((Change.LIGHT, number < copied) for number in range(4))
    score = ClipScore(
        clip=0,
        has_one_word=False,
        retrieves=(True,),
        goes_its_way=(True,),
        follows_word=None,
        is_in_place=True,
        copies=answers,
    )

    limited = [each for each in copying_figures(Condition.CONTRARY, [score], 0.25) if each.goal is not None]

    assert [(each.clips, each.goal, each.is_met) for each in limited] == [("all changes", 0.25, is_met)]
    assert not [each for each in copying_figures(Condition.WITH, [score], 0.25) if each.goal is not None]


def test_a_contrary_caption_asks_for_the_other_side_of_every_change_and_else_for_the_same(
    clips: list[HeldOut],
) -> None:
    for clip in clips:
        (subject,) = clip.subjects

        head, way = clip.contrary_caption.split(" moves ")

        article_and_word, *asked = head.rstrip(",").split(", ")
        assert clip.caption.startswith(article_and_word)
        assert way == clip.caption.split(" moves ")[1]
        assert tuple(asked) == opposite(subject.pictured[0])


def test_only_what_can_be_otherwise_is_contradicted(clips: list[HeldOut]) -> None:
    unchanging = [replace(clip, subjects=(replace(clip.subjects[0], pictured=((),)),)) for clip in clips]

    assert clips_for(Condition.CONTRARY, [*clips, *unchanging]) == clips


def test_states_are_those_of_the_frames_that_pictures_are_cut_from(proof: Proof, tmp_path: Path) -> None:
    """The clips of the small proof, told to have changed after the frame that their first picture is of."""
    world = proof.output / "held_out" / "world"
    before, after = ["facing east", "shaded"], ["facing west", "shaded"]
    (tmp_path / "truth").mkdir()
    (tmp_path / "manifest.csv").write_text((world / "manifest.csv").read_text())
    for path in (world / "truth").glob("*.json"):
        truth = json.loads(path.read_text())
        truth["subjects"] = [
            *(part_of(subject, before, range(4)) for subject in truth["subjects"]),
            *(part_of(subject, after, range(4, 99)) for subject in truth["subjects"]),
        ]
        (tmp_path / "truth" / path.name).write_text(json.dumps(truth))

    clips = read_held_out(tmp_path / "manifest.csv", proof.output / "held_out" / "dataset", BUCKET)

    assert len(clips) == 4
    for subject in (subject for clip in clips for subject in clip.subjects):
        assert subject.state == tuple(before)
        assert subject.told == ()
        assert len(subject.pictured) == len(subject.pictures)
        assert set(subject.pictured) <= {tuple(before), tuple(after)}
    assert {state for clip in clips for subject in clip.subjects for state in subject.pictured} == {
        tuple(before),
        tuple(after),
    }


def part_of(subject: dict[str, Any], state: Sequence[str], frames: range) -> dict[str, Any]:
    """A subject of a truth in a state in some frames alone."""
    boxes = [box if frame in frames else None for frame, box in enumerate(subject["boxes"])]
    return {**subject, "boxes": boxes, "state": list(state)}
