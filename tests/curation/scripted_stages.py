"""Stages that do to a clip what its `extra` says, under their own name: `{"judge": "reject"}`."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from curation.execution.executor import Executor, OnProgress
from curation.execution.run import CurationRun, RunResult, run_curation
from curation.execution.writer import ShardLimits
from curation.records import Clip, Frames, ReferenceFrame
from curation.rules import Bound, Facts, Rule
from curation.stage import ClipError, Resources, Stage
from dataset_schema import (
    Annotator,
    FailedClip,
    FailureKind,
    Payload,
    Reason,
    RejectedClip,
    Sample,
    Source,
    read_shard,
    shard_paths,
)
from dataset_schema.arrow import Kind
from dataset_schema.rows import Row, to_row
from storage.address import Place
from tests.made_media import media_facts

MEDIA = media_facts()
FRAMES = Frames(
    thumbnails=np.zeros((4, 27, 48, 3), np.uint8),
    times_s=np.arange(4.0),
    content=np.zeros((2, 8, 8, 3), np.uint8),
    content_times_s=np.arange(2.0),
    reference_frames=(
        ReferenceFrame(
            index=2,
            time_s=2.0,
            image=np.full((360, 640, 3), (250, 10, 10), np.uint8),
            neighbours=np.zeros((1, 4, 4, 3), np.uint8),
            neighbour_times_s=(2.0,),
            centre=0,
        ),
    ),
)


def make_id(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=8).hexdigest()


def make_source(number: int, *, num_clips: int = 1) -> Source:
    return Source(id=make_id(number), uri=f"{number}.mp4", num_clips=num_clips)


def make_clip(number: int, **script: str) -> Clip:
    return Clip(
        clip_id=make_id(number), source=make_source(number), caption=f"Clip {number}.", extra=json.dumps(script)
    )


def make_failed_clip(number: int, kind: FailureKind = FailureKind.INPUT, stage: str = "read") -> FailedClip:
    return FailedClip(
        clip_id=make_id(number),
        source=make_source(number),
        stage=stage,
        kind=kind,
        error_type="ClipError",
        message="row 3 has no caption",
    )


def make_rejected_clip(number: int, stage: str = "judge", reason: str = "too_dull") -> RejectedClip:
    clip = make_clip(number)
    return RejectedClip(
        clip_id=clip.clip_id,
        source=clip.source,
        caption=clip.caption,
        reasons=(Reason(stage=stage, reason=reason, detail="as scripted"),),
        scores=clip.scores,
    )


def make_sample(clip: Clip, *, video_bytes: int = 100) -> Sample:
    return Sample(
        clip_id=clip.clip_id,
        source=clip.source,
        caption=clip.caption,
        video=Payload(bytes=clip.clip_id.encode() * (video_bytes // 16)),
        video_start_s=0.0,
        num_frames=48,
        fps=24.0,
        height=144,
        width=256,
        bucket="17x144x256",
        media=clip.media or MEDIA,
        scores=clip.scores,
        entities=(),
        background=None,
        extra=clip.extra,
    )


def mixed_clips(number: int, *, slow: bool) -> list[Clip]:
    """Every fourth clip is rejected, every fifth fails."""
    return [
        make_clip(
            n,
            measure="slow" if slow else "pass",
            judge="reject" if n % 4 == 1 else "clip_error" if n % 5 == 2 else "pass",
        )
        for n in range(number)
    ]


def scripted_problem(name: str, facts: Facts) -> bool | None:
    """True where the clip's script wants it."""
    return name in facts["problems"] or None


@dataclass
class ScriptedStage(Stage):
    """Does to each clip what the clip's script says under the stage's name.

    `pass`, `reject`, `reject_twice`, or one of the faults: `clip_error`, `raise`, `memory`, `hang`, `lose` the clip,
    `swap` it for another, `crash` the process, `crash_once` (and leave a file in `marks`); `slow` is just slow.
    """

    needs: Resources = field(default_factory=Resources)
    marks: Path | None = None
    seen: list[list[str]] = field(default_factory=list)
    setups: list[str] = field(default_factory=list)

    @property
    def resources(self) -> Resources:
        return self.needs

    def annotators(self) -> tuple[Annotator, ...]:
        return ()

    def setup(self) -> None:
        self.setups.append("setup")

    def close(self) -> None:
        self.setups.append("close")

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        self.seen.append([clip.clip_id for clip in clips])
        return [scored for clip in clips for scored in self.act(clip)]

    def act(self, clip: Clip) -> list[Clip]:
        script = self.script(clip)
        self.trouble(script, clip)
        match script:
            case "lose":
                return []
            case "swap":
                return [make_clip(999_999)]
            case _:
                return [self.add(self.marked(clip))]

    def trouble(self, script: str, clip: Clip) -> None:
        match script:
            case "clip_error":
                raise ClipError(FailureKind.CORRUPT, f"{clip.source.uri}: no frame decodes")
            case "raise":
                raise KeyError(clip.clip_id)
            case "memory":
                raise MemoryError
            case "hang" | "slow":
                time.sleep(20 if script == "hang" else 0.05)
            case "crash":
                os._exit(1)
            case "crash_once":
                self.crash_once(clip)

    def crash_once(self, clip: Clip) -> None:
        assert self.marks is not None
        mark = self.marks / clip.clip_id
        if not mark.exists():
            mark.touch()
            os._exit(1)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(
            Rule(
                code=code,
                reads="problems",
                bound=Bound.ABSENT,
                sentence="as scripted",
                plain=code,
                value_of=partial(scripted_problem, f"{self.name}:{code}"),
            )
            for code in ("too_dull", "too_dark")
        )

    def marked(self, clip: Clip) -> Clip:
        """The clip with what its script wants it rejected for."""
        codes = {"reject": ["too_dull"], "reject_twice": ["too_dull", "too_dark"]}.get(self.script(clip), [])
        found = (Reason(stage=self.name, reason=f"{self.name}:{code}", detail="") for code in codes)
        return replace(clip, word_problems=(*clip.word_problems, *found))

    def script(self, clip: Clip) -> str:
        done: str = json.loads(clip.extra).get(self.name, "pass")
        return done

    def add(self, clip: Clip) -> Clip:
        raise NotImplementedError


class MeasureStage(ScriptedStage):
    name = "measure"
    reads = frozenset({"source"})
    adds = frozenset({"media", "frames"})

    def add(self, clip: Clip) -> Clip:
        return replace(clip, media=MEDIA, frames=FRAMES)


class SplitStage(ScriptedStage):
    """Makes of a clip as many as its script says; of three, one will be kept, one rejected, one lost."""

    name = "split"
    reads = frozenset({"frames"})
    adds = frozenset({"cut_times_s"})

    def add(self, clip: Clip) -> Clip:
        return replace(clip, cut_times_s=())

    def split(self, clip: Clip) -> tuple[Clip, ...]:
        script = self.script(clip)
        if script == "split_error":
            raise KeyError(clip.clip_id)
        if not script.isdecimal():
            return (clip,)
        source = replace(clip.source, num_clips=int(script))
        faults = ("pass", "reject", "clip_error")
        return tuple(
            replace(
                clip,
                clip_id=f"{clip.clip_id}-shot{number}",
                source=source,
                extra=json.dumps(json.loads(clip.extra) | {"judge": faults[number % 3]}),
            )
            for number in range(int(script))
        )


class JudgeStage(ScriptedStage):
    name = "judge"
    reads = frozenset({"frames"})
    adds = frozenset({"scores"})

    def add(self, clip: Clip) -> Clip:
        assert clip.frames is not None
        return clip.with_scores(desirable=int(clip.clip_id[:16], 16) % 100 / 100)


class PublishStage(ScriptedStage):
    name = "publish"
    reads = frozenset({"media", "scores"})
    adds = frozenset({"sample"})

    def add(self, clip: Clip) -> Clip:
        assert clip.frames is None, "a field that no later stage reads should have been dropped"
        return replace(clip, sample=make_sample(clip))


class ForgetfulPublishStage(PublishStage):
    """Leaves out the sample of clips scripted `forget`."""

    def add(self, clip: Clip) -> Clip:
        return clip if self.script(clip) == "forget" else super().add(clip)


def three_stages(**resources: Any) -> list[Stage]:
    needs = Resources(**resources)
    return [MeasureStage(needs), JudgeStage(needs), PublishStage(needs)]


def splitting_stages(**resources: Any) -> list[Stage]:
    needs = Resources(**resources)
    return [MeasureStage(needs), SplitStage(needs), JudgeStage(needs), PublishStage(needs)]


def clips_to_split(number: int, *, slow: bool) -> list[Clip]:
    """Of 1, 2, 3, 4, 1, 2, ... shots each; every seventh is lost before it is split."""
    return [
        make_clip(
            n,
            measure="clip_error" if n % 7 == 6 else "pass",
            split=str(n % 4 + 1),
            publish="slow" if slow else "pass",
        )
        for n in range(number)
    ]


def curate(
    records: Sequence[Clip | RejectedClip | FailedClip] | Iterator[Clip | RejectedClip | FailedClip],
    output: Place,
    executor: Executor,
    stages: Callable[[], list[Stage]] = three_stages,
    *,
    on_progress: OnProgress = lambda _: None,
    **run: Any,
) -> RunResult:
    settings: dict[str, Any] = {"profile": "scripted", "config": {}, "limits": ShardLimits(max_rows=3), **run}
    return run_curation(
        records, CurationRun(stages=stages(), output=output, **settings), executor=executor, on_progress=on_progress
    )


def read_tables(dataset: Place) -> dict[str, list[Row]]:
    """The three tables as rows, sorted by clip id."""
    return {
        "samples": _rows(dataset, Sample),
        "rejections": _rows(dataset, RejectedClip),
        "failures": _rows(dataset, FailedClip),
    }


def _rows(dataset: Place, kind: Kind) -> list[Row]:
    rows = [to_row(record) for path in shard_paths(dataset, kind) for record in read_shard(path, kind)]
    return sorted(rows, key=lambda row: str(row["clip_id"]))
