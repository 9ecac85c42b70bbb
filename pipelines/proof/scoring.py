"""From sampled videos to scores: what the judge is asked about every clip, and how its answers add up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from modeling.data.video import Video
from modeling.encoders.cosine_patches import white_square
from pipelines.proof.copying import copies, copying_figures, obeys
from pipelines.proof.held_out import HeldOut, HeldOutSubject
from pipelines.proof.judge import Fit, Region, Template, fits, template
from pipelines.proof.scores import ClipScore, Condition, Figure, mean, share
from worlds.sprites import Change, Texture, alternatives, draw_small_texture, region_left

# Textures that no clip wears, from which every subject's rivals are drawn.
_RIVALS: Final = 96
_RIVAL_SEED: Final = 2**31

_THUMBNAIL_SIDE: Final = 32


class Judge:
    """Scores videos of held-out clips.

    Args:
        clips: all of them; what a place looks like is what most of their pixels show.
        candidates: textures that each subject's is told from, itself among them.
        pictures: of each subject, so many were given at most.
    """

    def __init__(self, clips: Sequence[HeldOut], *, candidates: int, pictures: int = 1) -> None:
        height = clips[0].video.shape[1]
        self._candidates = candidates
        self._pictures = pictures
        self._rivals = [draw_small_texture(np.random.default_rng([_RIVAL_SEED, number])) for number in range(_RIVALS)]
        self._template = cache(lambda word, texture, state: template(word, texture, state, frame_height=height))
        self._places = {
            place: np.median([clip.video[0] for clip in clips if clip.place == place], axis=0)
            for place in sorted({clip.place for clip in clips})
        }

    def score(self, clip: HeldOut, video: Video, condition: Condition) -> ClipScore:
        """What a video of the clip shows.

        With swapped pictures the texture asked for is that of the picture that a word was given.
        """
        given = [subject.texture for subject in clip.subjects]
        if condition is Condition.SWAPPED:
            given.reverse()
        regions = _regions(len(given), video)
        retrieves, ways = [], []
        obeyed: list[tuple[Change, bool]] = []
        copied: list[tuple[Change, bool]] = []
        for number, (subject, texture, region) in enumerate(zip(clip.subjects, given, regions, strict=True)):
            found = [self._fit(video, subject, worn, region) for worn in self._candidates_of(clip, number, texture)]
            best = min(found, key=lambda fit: fit.error)
            retrieves.append(best is found[0])
            ways.append(best.way is subject.way)
            obeyed += obeys(subject, found[0].state, condition)
            copied += copies(subject, found[0].state, condition)
        return ClipScore(
            clip=clip.number,
            has_one_word=len(given) > 1 and clip.has_one_word,
            retrieves=tuple(retrieves),
            goes_its_way=tuple(ways),
            follows_word=self._follows(clip, video, given) if len(given) > 1 else None,
            is_in_place=min(self._places, key=lambda place: _distance(video, self._places[place])) == clip.place,
            copying=self._copying(clip, video) if condition is Condition.WITH else None,
            obeys=tuple(obeyed),
            copies=tuple(copied),
        )

    def _candidates_of(self, clip: HeldOut, number: int, texture: Texture) -> list[Texture]:
        """A subject's own texture first, then its rivals."""
        drawn = np.random.default_rng([clip.number, number]).choice(
            len(self._rivals), self._candidates - 1, replace=False
        )
        return [texture, *(self._rivals[rival] for rival in drawn)]

    def _fit(self, video: Video, subject: HeldOutSubject, texture: Texture, region: Region) -> Fit:
        """How the subject fits best in a texture, in any of its states."""
        templates = [self._template(subject.word, texture, state) for state in alternatives(subject.state)]
        return min(fits(video, templates, region=region), key=lambda fit: fit.error)

    def _follows(self, clip: HeldOut, video: Video, given: Sequence[Texture]) -> bool:
        """Whether every subject together fits its own picture's texture better than its neighbour's."""
        errors = []
        for textures in (given, [*given[1:], given[0]]):
            asked = zip(clip.subjects, textures, _regions(len(given), video), strict=True)
            errors.append(sum(self._fit(video, who, worn, at).error for who, worn, at in asked))
        return errors[0] < errors[1]

    def _copying(self, clip: HeldOut, video: Video) -> float | None:
        """How much more the subjects look like the pictures that were given than like others of the same subjects."""
        differences = []
        for subject, region in zip(clip.subjects, _regions(len(clip.subjects), video), strict=True):
            if len(subject.pictures) <= self._pictures:
                continue
            found = self._fit(video, subject, subject.texture, region)
            looked_for = self._template(subject.word, subject.texture, found.state)
            shown = _thumbnail(_cut(video, looked_for, found.places[-1]))
            likeness = [_cosine(shown, _thumbnail(picture)) for picture in subject.pictures]
            differences.append(float(np.mean(likeness[: self._pictures]) - np.mean(likeness[self._pictures :])))
        return float(np.mean(differences)) if differences else None


def figures(
    scores: Mapping[Condition, Sequence[ClipScore]],
    *,
    retrieval_goal: float,
    following_goal: float,
    copying_limit: float | None = None,
) -> list[Figure]:
    """The table: clips of one, two and three subjects apart, and of those with two the ones of one word.

    Goals are held by clips sampled with references: `retrieval_goal`, and as much obedience as without them, but for
    five points; by swapped pictures: `following_goal`; by contrary captions: `copying_limit`.
    """
    rows: list[Figure] = []
    for condition, found in scores.items():
        for clips, chosen in _groups(found).items():
            if not chosen:
                continue
            rows += [
                _share("retrieval", clips, condition, chain.from_iterable(score.retrieves for score in chosen)),
                _share("way", clips, condition, chain.from_iterable(score.goes_its_way for score in chosen)),
                _share("place", clips, condition, (score.is_in_place for score in chosen)),
            ]
            follows = [score.follows_word for score in chosen if score.follows_word is not None]
            if follows:
                rows.append(_share("look follows word", clips, condition, follows))
            copying = [score.copying for score in chosen if score.copying is not None]
            if copying:
                rows.append(_figure("copy index", clips, condition, mean(copying), len(copying)))
        rows += copying_figures(condition, found, copying_limit)
    order = {name: place for place, name in enumerate(dict.fromkeys(row.name for row in rows))}
    values = {(row.name, row.clips, row.condition): row.value for row in rows}
    rows = [
        row if row.is_limit else replace(row, goal=_goal(row, values, retrieval_goal, following_goal)) for row in rows
    ]
    return sorted(rows, key=lambda row: order[row.name])


def _goal(
    row: Figure, values: Mapping[tuple[str, str, str], float], retrieval_goal: float, following_goal: float
) -> float | None:
    if row.clips == _ONE_WORD:
        return None
    match row.name, row.condition:
        case "retrieval", Condition.WITH:
            return retrieval_goal
        case "look follows word", Condition.SWAPPED:
            return following_goal
        case "way" | "place", Condition.WITH:
            without = values.get((row.name, row.clips, Condition.WITHOUT))
            return None if without is None else without - _OBEDIENCE_LOST
    return None


def _groups(scores: Sequence[ClipScore]) -> dict[str, list[ClipScore]]:
    return {
        "one subject": [score for score in scores if len(score.retrieves) == 1],
        "two subjects": [score for score in scores if len(score.retrieves) == 2],
        _ONE_WORD: [score for score in scores if len(score.retrieves) == 2 and score.has_one_word],
        "three subjects": [score for score in scores if len(score.retrieves) == 3],
    }


# Those are among the clips of two subjects, and too few to hold to a goal of their own.
_ONE_WORD: Final = "two of one word"

_OBEDIENCE_LOST: Final = 0.05


def _share(name: str, clips: str, condition: Condition, answers: Iterable[bool]) -> Figure:
    collected = list(answers)
    return _figure(name, clips, condition, share(collected), len(collected))


def _figure(name: str, clips: str, condition: Condition, measured: tuple[float, float, float], count: int) -> Figure:
    value, low, high = measured
    return Figure(name=name, clips=clips, condition=condition, value=value, low=low, high=high, count=count)


def _regions(subjects: int, video: Video) -> list[Region]:
    """Columns in which each subject is looked for: the frame is divided where the world divides it.

    That is the middle between two subjects, but beside it where the middle lies off the grid of the world.
    """
    aspect = video.shape[2] / video.shape[1]
    inner = [region_left(number, subjects, aspect) / aspect for number in range(1, subjects)]
    return list(pairwise([0.0, *inner, 1.0]))


def _distance(video: Video, place: npt.NDArray[np.float32]) -> float:
    """Median over all pixels, so that subjects do not count."""
    return float(np.median(np.abs(video.astype(np.float32) - place)))


def _cut(video: Video, looked_for: Template, corner: tuple[int, int]) -> Image.Image:
    """The subject of the last frame on white."""
    inside = looked_for.inside.numpy() > 0
    (height, width), (x, y) = inside.shape, corner
    pixels = video[-1, y : y + height, x : x + width]
    return Image.fromarray(np.where(inside[..., None], pixels, 255).astype(np.uint8))


def _thumbnail(picture: Image.Image) -> npt.NDArray[np.float32]:
    values = np.asarray(white_square(picture, side=_THUMBNAIL_SIDE), np.float32).ravel()
    centred: npt.NDArray[np.float32] = values - values.mean()
    return centred


def _cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-9))
