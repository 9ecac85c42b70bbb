import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_schema import Bucket
from modeling.data.video import Video, decode_clip
from modeling.encoders import EmbeddedEncoders
from pipelines.proof.judge import Region, Template, fit, fits, template
from worlds.sprites import (
    SmallWorldConfig,
    Texture,
    Way,
    draw_small_texture,
    plan_in_small_world,
    render_shot,
    write_video,
)

CANDIDATES = 16
BUCKET = Bucket.parse("9x48x96")
WORLD = SmallWorldConfig(seed=11, clips=30, frames=9, subjects=(1,))
PAIRS = replace(WORLD, clips=12, subjects=(2,), same_word_share=1.0)

WORD = "cat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A clip as curation's videos come to the model, and as the model's videos come from the codec."""

    words: list[str]
    textures: list[Texture]
    ways: list[Way]
    decoded: Video
    through_codec: Video


def retrieves(video: Video, candidates: Sequence[Template], *, region: Region = (0.0, 1.0)) -> bool:
    """Whether the first candidate fits better than all others."""
    errors = [found.error for found in fits(video, candidates, region=region)]
    return errors[0] < min(errors[1:])


def show(config: SmallWorldConfig, folder: Path) -> list[Shown]:
    codec = EmbeddedEncoders().build().autoencoder
    clips = []
    for index in range(config.clips):
        plan = plan_in_small_world(config, index)
        path = folder / f"{index}.mp4"
        write_video(path, render_shot(plan.shots[0], height=config.height, width=config.width).video, config.fps)
        decoded = decode_clip(path, BUCKET)
        subjects = plan.shots[0].subjects
        clips.append(
            Shown(
                words=[subject.word for subject in subjects],
                textures=[subject.texture for subject in subjects],
                ways=[Way(way) for way in re.findall(r"moves (\w+)", plan.caption)],
                decoded=decoded,
                through_codec=codec.decode(codec.encode(torch.from_numpy(decoded)[None]))[0].numpy(),
            )
        )
    return clips


@cache
def in_the_bucket(word: str, texture: Texture) -> Template:
    return template(word, texture, frame_height=BUCKET.height)


def textures(count: int) -> list[Texture]:
    rng = np.random.default_rng(77)
    return [draw_small_texture(rng) for _ in range(count)]


RIVALS = textures(40)


def test_real_clips_are_judged_right(tmp_path: Path) -> None:
    clips = [clip for jitter in (0.0, 1.0) for clip in show(replace(WORLD, jitter=jitter), tmp_path)]
    rng = np.random.default_rng(1)

    retrieved = {"decoded": 0, "through_codec": 0}
    for number, clip in enumerate(clips):
        rivals = [RIVALS[drawn] for drawn in rng.permutation(len(RIVALS))[: CANDIDATES - 1]]
        looked_for = [in_the_bucket(clip.words[0], texture) for texture in (*clip.textures, *rivals)]
        for name in retrieved:
            video = getattr(clip, name)
            retrieved[name] += retrieves(video, looked_for)
            assert fit(video, looked_for[0]).way is clip.ways[0], (name, number)

    assert min(retrieved.values()) >= 0.95 * len(clips), retrieved


def test_a_region_tells_two_subjects_of_one_word_apart(tmp_path: Path) -> None:
    halves: list[Region] = [(0.0, 0.5), (0.5, 1.0)]

    for clip in show(PAIRS, tmp_path):
        both = [in_the_bucket(clip.words[0], texture) for texture in clip.textures]
        for number, half in enumerate(halves):
            own, other = both[number], both[1 - number]
            assert retrieves(clip.through_codec, [own, other], region=half)
            found = fit(clip.through_codec, own, region=half)
            assert found.way is clip.ways[number]
            assert all(half[0] <= x / BUCKET.width < half[1] for x, _ in found.places)


def test_retrieval_in_noise_is_at_chance() -> None:
    rng = np.random.default_rng(5)
    pool = [in_the_bucket(WORD, texture) for texture in RIVALS]
    trials = 320

    found = 0
    for _ in range(trials):
        noise = rng.integers(0, 256, (2, BUCKET.height, BUCKET.height, 3), np.uint8)
        found += retrieves(noise, [pool[drawn] for drawn in rng.permutation(len(pool))[:CANDIDATES]])

    chance = 1 / CANDIDATES
    assert abs(found / trials - chance) < 4 * math.sqrt(chance * (1 - chance) / trials)


@pytest.mark.parametrize("level", [0, 77, 128, 255])
def test_nothing_goes_anywhere_in_a_flat_video(level: int) -> None:
    flat = np.full((BUCKET.frames, BUCKET.height, BUCKET.width, 3), level, np.uint8)

    for texture in RIVALS[:6]:
        assert fit(flat, in_the_bucket(WORD, texture)).way is None


def paste(looked_for: Template, places: list[tuple[int, int]], level: int = 90) -> Video:
    """Frames of one grey, with the template laid at (x, y)."""
    video = np.full((len(places), BUCKET.height, BUCKET.width, 3), level, np.uint8)
    inside = looked_for.inside.numpy() > 0
    colors = (looked_for.colors * 255).round().byte().permute(1, 2, 0).numpy()
    rows, columns = inside.shape
    for frame, (x, y) in zip(video, places, strict=True):
        frame[y : y + rows, x : x + columns][inside] = colors[inside]
    return video


def test_a_pasted_sprite_is_found_without_error() -> None:
    looked_for = in_the_bucket(WORD, RIVALS[1])
    places = [(10 + frame, 5) for frame in range(9)]

    found = fit(paste(looked_for, places), looked_for)

    assert found.places == tuple(places)
    assert found.error == pytest.approx(0, abs=1e-5)
    assert found.way is Way.RIGHT


@pytest.mark.parametrize(
    ("step", "way"),
    [((1, 0), Way.RIGHT), ((-1, 0), Way.LEFT), ((0, 1), Way.DOWN), ((0, -1), Way.UP), ((0, 0), None)],
)
def test_the_way_is_where_the_sprite_is_last_seen_from_where_it_is_first(step: tuple[int, int], way: Way) -> None:
    looked_for = in_the_bucket(WORD, RIVALS[2])

    found = fit(paste(looked_for, [(30 + step[0] * frame, 8 + step[1] * frame) for frame in range(5)]), looked_for)

    assert found.way is way


def test_the_error_is_the_mean_squared_difference_within_the_outline() -> None:
    looked_for = in_the_bucket(WORD, RIVALS[3])
    side = looked_for.inside.shape[0]
    video = paste(looked_for, [(0, 0)])[:, :side, :side]  # a frame with room for one place only
    shifted = video.copy()
    shifted[..., 0] = np.where(video[..., 0] < 128, video[..., 0] + 51, video[..., 0] - 51)

    found = fit(shifted, looked_for)

    # One of three channels is off by 51 / 255 = 0.2.
    assert found.error == pytest.approx(0.2**2 / 3, abs=1e-4)


def test_what_is_outside_the_outline_does_not_count() -> None:
    looked_for = in_the_bucket(WORD, RIVALS[4])

    errors = [fit(paste(looked_for, [(20, 4)], level=level), looked_for).error for level in (0, 90, 255)]

    assert max(errors) < 1e-5
