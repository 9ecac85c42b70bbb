"""Samples held-out clips under a condition, and keeps the videos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from modeling.data.video import Video
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline
from pipelines.proof.held_out import HeldOut
from pipelines.proof.scores import Condition
from storage.whole_files import whole_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """Samples with one model in one way.

    Attributes:
        sampling: but for the seed, which is the clip's number: all conditions start from the same noise.
        pictures: of each subject, at most.
        folder: gets the videos of each condition, which are read again if they are there.
    """

    pipeline: Pipeline
    sampling: SamplingConfig
    folder: Path
    pictures: int = 1

    def videos(
        self, clips: Sequence[HeldOut], condition: Condition, *, on_clip: Callable[[], object] = lambda: None
    ) -> dict[int, Video]:
        """The video of every clip that the condition applies to, by its number."""
        chosen = clips_for(condition, clips)
        if not chosen:
            return {}
        kept = self.folder / f"{condition.name.lower()}.npz"
        if not kept.is_file():
            videos = []
            for clip in chosen:
                videos.append(self._video(clip, condition))
                on_clip()
            with whole_file(kept) as unfinished, unfinished.open("wb") as file:  # savez gives a path another suffix
                np.savez_compressed(file, numbers=[clip.number for clip in chosen], videos=np.stack(videos))
        with np.load(kept) as arrays:
            return dict(zip(arrays["numbers"].tolist(), arrays["videos"], strict=True))

    def _video(self, clip: HeldOut, condition: Condition) -> Video:
        if condition is Condition.REAL:
            return self.pipeline.reconstruct(clip.video)
        given = [subject.pictures[: self.pictures] for subject in clip.subjects]
        if condition is Condition.SWAPPED:
            given.reverse()
        references = {subject.name: shown for subject, shown in zip(clip.subjects, given, strict=True)}
        return self.pipeline(
            clip.contrary_caption if condition is Condition.CONTRARY else clip.caption,
            references=references if condition is not Condition.WITHOUT else None,
            sampling=replace(self.sampling, seed=clip.number),
        )


def clips_for(condition: Condition, clips: Sequence[HeldOut]) -> list[HeldOut]:
    """All, but pictures can change places only between two subjects, and be contradicted only where states change."""
    match condition:
        case Condition.SWAPPED:
            return [clip for clip in clips if len(clip.subjects) == 2]
        case Condition.CONTRARY:
            return [clip for clip in clips if all(subject.contrary for subject in clip.subjects)]
        case _:
            return list(clips)
