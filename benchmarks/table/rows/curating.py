"""Whole curation by the command that a user runs: what an executor adds to it, and what a clip costs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.executors import BUCKET, real_rows, write_manifests
from benchmarks.table.row import Goal, Inputs, Measure, Row, Side, ours
from benchmarks.table.timed import Work
from pipelines.config import parse
from pipelines.verbs.curate import Curate, curate

_DRAWN: Final = 12
_REAL: Final = 8
_CPU_S_A_CLIP: Final = 4.0


def run(manifest: str, output: str, executor: str, *options: str) -> Work:
    """`make curate`, without what it prints."""
    arguments = ["--input", manifest, "--output", output, "--executor", executor, *options]

    def work() -> str:
        counts = curate(parse(Curate, arguments, verb="curate")).counts
        if counts.failed:
            raise RuntimeError(f"{counts.failed} clips failed; look at {output}/failures")
        return f"{counts.kept} of {counts.read} kept"

    return work


def rows(inputs: Inputs) -> Iterator[Row]:
    """Executors on small drawn clips, where they weigh most; the whole embedded profile on real ones."""
    drawn = inputs.some(_DRAWN)
    manifest = write_manifests(inputs.scratch / "drawn", [drawn])[drawn]
    output = inputs.scratch / "{run}"

    def by(executor: str, name: str, goal: Goal | None = None) -> Side:
        command = ours("curating:run", manifest, output, executor, "--curation.buckets", BUCKET)
        return Side(name=name, command=command, is_whole=True, goal=goal)

    yield Row(
        what=f"curated whole, embedded profile: {drawn} clips",
        on="drawn clips of 25 frames in 80x144, start included",
        ours=by("processes", "ours, `processes`"),
        others=(
            by("ray", "ours, by Ray", Goal(most=1.0)),
            by("local", "floor: one process, no executor"),
        ),
        rounds=2,
    )
    if inputs.media is not None:
        yield _real(inputs.scratch, inputs.media, inputs.some(_REAL))


def _real(scratch: Path, media: Path, count: int) -> Row:
    chosen = write_manifests(scratch, [count], "real", media=media)[count]
    clips = real_rows(media)[:count]
    length_s = sum(float(clip["duration_s"]) for clip in clips)
    goal = Goal(most=_CPU_S_A_CLIP * count, of=Measure.CPU_S, why=f"{_CPU_S_A_CLIP:g} a clip")
    return Row(
        what=f"curated whole, embedded profile: {count} clips",
        on=f"real clips, {length_s:.0f} s, start included; no peer does this",
        ours=Side(
            name="ours",
            command=ours("curating:run", chosen, scratch / "{run}", "processes"),
            is_whole=True,
            goal=goal,
        ),
        others=(
            Side(name="floor: decode", command=ours("splitting:decode_alone", *(clip["video"] for clip in clips))),
        ),
        rounds=2,
    )
