"""Which stage of the embedded profile, and which of its functions, takes how much of a clip's CPU time.

    python -m benchmarks.stage_costs MANIFEST [--functions 12] [--every-stage]

Curates the clips of a manifest or folder in this process, one stage after the other as a run does it, and counts this
process and the child that decodes. A clip that a rule rejects goes no further; with `--every-stage` it is scored as far
as it can be, so that the dear stages see more clips. Weights count as the setup of their stage; what is imported with
the first clip counts as that clip's. Set OMP_NUM_THREADS=1: waiting threads spin, and would count as work.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil

from benchmarks.measuring import machine
from curation.decisions import decide_stage
from curation.execution.chain import is_wanted
from curation.profiles import CurationConfig, build_stages
from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from curation.stage import ClipError, Stage

Result = TypeVar("Result")


class Cost:
    """Of one stage: CPU time of its setup and of each clip, and the profile of the clips where it is asked for."""

    def __init__(self, *, profiled: bool) -> None:
        self.setup_s = 0.0
        self.clips_s: list[float] = []
        self.profile = cProfile.Profile(time.process_time) if profiled else None

    def of_clip(self, work: Callable[[], Result]) -> Result:
        """Do the work, and count it."""
        start_s = _cpu_s()
        try:
            return self.profile.runcall(work) if self.profile else work()
        finally:
            self.clips_s.append(_cpu_s() - start_s)


def curate(clip: Clip, stages: Sequence[Stage], costs: Mapping[str, Cost], *, every_stage: bool) -> bool:
    """Whether the clip is kept."""
    for stage in stages:
        if not is_wanted(stage, clip):
            continue
        try:
            scored = costs[stage.name].of_clip(partial(stage.score, [clip]))
        except ClipError as error:
            print(f"{clip.source.uri} failed in {stage.name}: {error}")
            return False
        clip, reasons = decide_stage(stage, scored[0])
        clip = replace(clip, reasons=(*clip.reasons, *reasons))
        if reasons and not every_stage:
            break
    return not clip.reasons


def _cpu_s() -> float:
    own = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (own, *own.children(recursive=True)))


def _print(costs: Mapping[str, Cost], clips: int) -> None:
    print("| stage | clips | setup CPU-s | CPU-s | CPU-s a clip that it saw | CPU-s a clip of the input |")
    print("|---|---|---|---|---|---|")
    for name, cost in costs.items():
        total, seen = sum(cost.clips_s), len(cost.clips_s)
        print(
            f"| {name} | {seen} | {cost.setup_s:.2f} | {total:.2f} | {total / max(1, seen):.3f} | {total / clips:.3f} |"
        )
    total = sum(cost.setup_s + sum(cost.clips_s) for cost in costs.values())
    print(f"| all | {clips} | | {total:.2f} | | {total / clips:.3f} |")


def main() -> None:
    """Curate the clips, print a row for every stage, and then the functions in which most time is spent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--functions", type=int, default=0, help="of every stage, to list; profiling costs time itself")
    parser.add_argument("--every-stage", action="store_true", help="score rejected clips too")
    arguments = parser.parse_args()
    print(machine(["numpy", "opencv-python-headless", "torch"], seed=0))
    stages = build_stages(CurationConfig())
    costs = {stage.name: Cost(profiled=arguments.functions > 0) for stage in stages}
    for stage in stages:
        start_s = _cpu_s()
        stage.setup()
        costs[stage.name].setup_s = _cpu_s() - start_s
    clips = [clip for clip in read_sources(arguments.manifest, SourcesConfig()) if isinstance(clip, Clip)]
    kept = sum(curate(clip, stages, costs, every_stage=arguments.every_stage) for clip in clips)
    _print(costs, len(clips))
    print(f"{len(clips)} clips, {kept} kept")
    for name, cost in costs.items():
        if cost.profile:
            print(f"\n{name}")
            pstats.Stats(cost.profile).sort_stats("tottime").print_stats(arguments.functions)
    for stage in stages:
        stage.close()


if __name__ == "__main__":
    main()
