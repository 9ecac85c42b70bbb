"""What the pipeline is asked for under every condition."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from dataset_schema import Bucket
from modeling.data.video import Video
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.guidance import GuidanceForm
from modeling.sampling.pipeline import Pipeline
from pipelines.proof.held_out import HeldOut, HeldOutSubject
from pipelines.proof.sampling import Sampler
from pipelines.proof.scores import Condition
from worlds.sprites import Texture, Way, draw_small_texture

BUCKET = Bucket.parse("9x48x96")


@dataclass
class ScriptedPipeline:
    """Writes down what it is asked for; its videos are flat, of the number of the call."""

    calls: list[tuple[str, Any, SamplingConfig]] = field(default_factory=list)
    reconstructed: list[Video] = field(default_factory=list)

    def __call__(self, prompt: str, *, references: Any, sampling: SamplingConfig) -> Video:
        self.calls.append((prompt, references, sampling))
        return np.full((9, 48, 96, 3), len(self.calls), np.uint8)

    def reconstruct(self, video: Video) -> Video:
        self.reconstructed.append(video)
        return 255 - video


def made_up(number: int, names: Sequence[str]) -> HeldOut:
    rng = np.random.default_rng(number)
    texture: Texture = draw_small_texture(rng)
    return HeldOut(
        number=number,
        caption=f"caption {number}",
        place="sea",
        subjects=tuple(
            HeldOutSubject(
                word=name.split("#")[0],
                name=name,
                texture=texture,
                way=Way.UP,
                pictures=tuple(Image.new("RGB", (4, 4), (number, place, view)) for view in range(3)),
            )
            for place, name in enumerate(names)
        ),
        video=rng.integers(0, 256, (9, 48, 96, 3), np.uint8),
    )


def sampler(folder: Path, pipeline: ScriptedPipeline, pictures: int = 1) -> Sampler:
    sampling = SamplingConfig(bucket=BUCKET, steps=2, image_scale=5.0, guidance=GuidanceForm.CHAINED, seed=77)
    return Sampler(pipeline=cast("Pipeline", pipeline), sampling=sampling, folder=folder, pictures=pictures)


def test_conditions_differ_in_the_pictures_and_in_nothing_else(tmp_path: Path) -> None:
    clips = [made_up(3, ["cat"]), made_up(5, ["dog", "dog#2"])]
    pipeline = ScriptedPipeline()
    asked = sampler(tmp_path, pipeline)

    for condition in (Condition.WITHOUT, Condition.WITH, Condition.SWAPPED):
        asked.videos(clips, condition)

    prompts, references, samplings = zip(*pipeline.calls, strict=True)
    first, second = (subject.pictures[0] for subject in clips[1].subjects)
    alone = clips[0].subjects[0].pictures[0]
    given = [
        None if found is None else {name: list(pictures) for name, pictures in found.items()} for found in references
    ]
    assert given == [
        *(None, None),
        *({"cat": [alone]}, {"dog": [first], "dog#2": [second]}),
        {"dog": [second], "dog#2": [first]},
    ]
    assert prompts == ("caption 3", "caption 5", "caption 3", "caption 5", "caption 5")
    assert [sampling.seed for sampling in samplings] == [3, 5, 3, 5, 5]
    assert {replace(sampling, seed=77) for sampling in samplings} == {asked.sampling}


def test_as_many_pictures_are_given_as_there_should_be(tmp_path: Path) -> None:
    clip, pipeline = made_up(3, ["cat"]), ScriptedPipeline()

    sampler(tmp_path, pipeline, pictures=2).videos([clip], Condition.WITH)

    assert list(pipeline.calls[0][1]["cat"]) == list(clip.subjects[0].pictures[:2])


def test_real_clips_are_what_the_codec_makes_of_them(tmp_path: Path) -> None:
    clip, pipeline = made_up(3, ["cat"]), ScriptedPipeline()

    videos = sampler(tmp_path, pipeline).videos([clip], Condition.REAL)

    assert np.array_equal(videos[3], 255 - clip.video)
    assert pipeline.calls == []


def test_videos_that_are_there_are_not_sampled_again(tmp_path: Path) -> None:
    clips, pipeline = [made_up(3, ["cat"]), made_up(5, ["dog"])], ScriptedPipeline()
    told: list[None] = []

    first, again = (
        sampler(tmp_path, pipeline).videos(clips, Condition.WITH, on_clip=lambda: told.append(None)) for _ in range(2)
    )

    assert len(pipeline.calls) == len(told) == 2
    assert {number: int(video.max()) for number, video in first.items()} == {3: 1, 5: 2}
    assert all(np.array_equal(first[number], again[number]) for number in (3, 5))


def test_pictures_cannot_change_places_where_nobody_is_beside(tmp_path: Path) -> None:
    assert sampler(tmp_path, ScriptedPipeline()).videos([made_up(3, ["cat"])], Condition.SWAPPED) == {}
