"""The plan of a run, checked before it starts: inputs, weights, the output, and whether it fits the machines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import groupby
from math import ceil
from typing import Final

from curation.execution.chain import WORKING_FIELDS, PlannedStage
from curation.facts import DERIVED_FACTS
from curation.records import Clip
from curation.rules import About
from curation.stage import Stage
from dataset_schema import CORE_SCORES, Annotator, MediaFacts
from storage.address import Address, Place
from storage.places import expect_folder_to_write

# The pseudo-stage of the manifest reader, for clips that were rejected or lost before the first stage.
READ_STAGE: Final = "read"

# What rules may read although no stage says that it adds it.
_KNOWN_FACTS: Final = CORE_SCORES | MediaFacts.__dataclass_fields__.keys() | DERIVED_FACTS

_FRESH_FIELDS: Final = frozenset({"clip_id", "source", "caption", "extra", "given"})

# Our choice: CPU shares are how Ray counts, not how the system schedules, so a stage that asks for one CPU runs on a
# tenth of one, slower; below that, the machine is too small to make sense of.
_CPU_SHRINKS: Final = (1.0, 0.75, 0.5, 0.25, 0.1)

# Our choice: the clips that travel together. More would save little of Ray's few milliseconds a unit, and with their
# frames, about 15 MB a clip, fill its store.
_UNIT_CLIPS: Final = 4

_GIB: Final = 1 << 30


class PlanError(ValueError):
    """The run cannot work as asked; one line says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one machine offers to workers."""

    cpus: float
    gpus: float = 0.0
    memory_bytes: int

    def __str__(self) -> str:
        return f"{self.cpus:g} CPUs, {self.gpus:g} GPUs, {self.memory_bytes / _GIB:.1f} GiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Neighbouring stages that share their workers, so that frames stay within one process.

    Attributes:
        workers: how many processes run the group.
        cpus: of one worker, as are `gpus` and both memories. That of the machine is the hungriest stage's, not the
            sum: the stages take turns, and interpreter and libraries, the bulk of it, are there once. On a GPU all
            their weights stay.
    """

    stages: tuple[PlannedStage, ...]
    workers: int
    cpus: float
    gpus: float
    memory_bytes: int
    gpu_memory_bytes: int

    @property
    def name(self) -> str:
        """The names of its stages."""
        return "+".join(planned.stage.name for planned in self.stages)

    @property
    def batch_size(self) -> int:
        """Clips to hand over at once, so that the stage with the largest batches gets full ones."""
        return max(planned.stage.resources.batch_size for planned in self.stages)

    @property
    def timeout_s(self) -> float:
        """The longest time between two signs of life: one batch of the slowest stage."""
        return max(p.stage.resources.timeout_s * p.stage.resources.batch_size for p in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One stage of a plan, for people; the figures are those of one worker of its group."""

    stage: str
    group: int
    workers: int
    cpus: float
    gpus: float
    memory_bytes: int
    gpu_memory_bytes: int
    batch_size: int
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will run, where, with which annotators."""

    groups: tuple[Group, ...]
    annotators: tuple[Annotator, ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The stages in order, after the pseudo-stage of the manifest reader."""
        return READ_STAGE, *(planned.stage.name for group in self.groups for planned in group.stages)

    @property
    def last_stage(self) -> str:
        """The stage after which a clip is finished."""
        return self.stage_names[-1]

    @property
    def batch_size(self) -> int:
        """The most clips that a stage wants at once."""
        return max(group.batch_size for group in self.groups)

    @property
    def unit_size(self) -> int:
        """Clips that travel together from worker to worker; a stage that wants more gets several units at once."""
        return min(_UNIT_CLIPS, self.batch_size)

    def units_per_call(self, group: Group) -> int:
        """How many units fill the largest batch of a group."""
        return ceil(group.batch_size / self.unit_size)

    def describe(self) -> list[PlanRow]:
        """The plan as a table."""
        return [
            PlanRow(
                stage=planned.stage.name,
                group=number,
                workers=group.workers,
                cpus=group.cpus,
                gpus=group.gpus,
                memory_bytes=group.memory_bytes,
                gpu_memory_bytes=group.gpu_memory_bytes,
                batch_size=planned.stage.resources.batch_size,
                timeout_s=planned.stage.resources.timeout_s,
            )
            for number, group in enumerate(self.groups, start=1)
            for planned in group.stages
        ]


def make_plan(
    stages: Sequence[Stage], *, output: Place, machines: Sequence[Machine] | None, is_one_group: bool
) -> Plan:
    """A plan that will not stop for a reason known now.

    Args:
        stages: in order.
        output: the dataset directory.
        machines: what the run may use; None for the process that asks.
        is_one_group: every worker runs all stages; otherwise neighbours that need the same share workers.

    Raises:
        PlanError: inputs do not chain, weights are missing, the output cannot be written, the machines are too small.
    """
    return place(stages, check(stages, output=output), machines, is_one_group=is_one_group)


def check(stages: Sequence[Stage], *, output: Place) -> tuple[Annotator, ...]:
    """All of a plan that needs no machines, before anything is started; gives the annotators that will run.

    Raises:
        PlanError: inputs do not chain, weights are missing, or the output cannot be written.
    """
    _check_names(stages)
    _check_inputs(stages)
    _check_output(output)
    return _annotators(stages)


def place(
    stages: Sequence[Stage], annotators: Sequence[Annotator], machines: Sequence[Machine] | None, *, is_one_group: bool
) -> Plan:
    """The plan of stages that were checked, on machines; `make_plan` has both arguments.

    Raises:
        PlanError: the machines are too small.
    """
    planned = _with_drops(stages)
    groups = [_group(planned)] if is_one_group else [_group(tuple(some)) for _, some in groupby(planned, key=_share)]
    if machines is not None:
        groups = _sized(groups, machines)
    return Plan(groups=tuple(groups), annotators=tuple(annotators))


def _check_names(stages: Sequence[Stage]) -> None:
    names = [stage.name for stage in stages]
    if not names:
        raise PlanError("the plan has no stages, expected at least one")
    twice = sorted({name for name in names if names.count(name) > 1 or name == READ_STAGE})
    if twice:
        raise PlanError(f"the plan has stages named {', '.join(twice)} twice; names tell the rows of the tables apart")


def _check_inputs(stages: Sequence[Stage]) -> None:
    filled = _FRESH_FIELDS
    for stage in stages:
        _check_added(stage)
        if missing := stage.reads - filled:
            raise PlanError(
                f"stage {stage.name} reads {_list(missing)}, which no stage before it adds; put one that does before it"
            )
        filled |= stage.adds
        _check_rules(stage, filled)
    if "sample" not in filled:
        raise PlanError("no stage adds sample, expected the last one to; without it no clip can be kept")


def _check_added(stage: Stage) -> None:
    """What is no field of a clip is a score of the stage's own, unless it is a field, misspelt."""
    known = frozenset(Clip.__dataclass_fields__)
    for name in sorted(stage.adds - known):
        meant = get_close_matches(name, known, n=1, cutoff=0.8)
        if meant or not name.isidentifier():
            expected = f"perhaps {meant[0]}" if meant else "the name of a score, in letters, digits and _"
            raise PlanError(f"stage {stage.name} adds {name}, expected fields of Clip ({_list(known)}); {expected}")


def _check_rules(stage: Stage, filled: frozenset[str]) -> None:
    """A misspelt name would be a rule that never acts."""
    known = filled | _KNOWN_FACTS
    for rule in stage.rules:
        if rule.about is About.CLIP and rule.value_of is None and rule.reads not in known:
            raise PlanError(
                f"stage {stage.name} has the rule {rule.code}, which reads {rule.reads}, expected a score that a stage "
                f"adds before it decides, or one of {_list(_KNOWN_FACTS)}"
            )


def _check_output(output: Place) -> None:
    try:
        expect_folder_to_write(output)
    except (OSError, ValueError) as error:
        advice = "" if isinstance(output, Address) else "; choose another output"  # what a store says has its own
        raise PlanError(f"output {error}{advice}") from error


def _annotators(stages: Sequence[Stage]) -> tuple[Annotator, ...]:
    found: list[Annotator] = []
    for stage in stages:
        try:
            found.extend(stage.annotators())
        except (FileNotFoundError, ModuleNotFoundError) as error:
            raise PlanError(f"stage {stage.name} lacks its weights: {error}") from error
        except ConnectionError as error:
            raise PlanError(f"stage {stage.name} cannot reach its server: {error}") from error
        except ValueError as error:
            raise PlanError(f"stage {stage.name} has weights that it cannot use: {error}") from error
    return tuple(found)


def _with_drops(stages: Sequence[Stage]) -> list[PlannedStage]:
    planned: list[PlannedStage] = []
    read_later: frozenset[str] = frozenset()
    for stage in reversed(stages):
        planned.append(PlannedStage(stage=stage, drops=WORKING_FIELDS - read_later))
        read_later |= stage.reads
    return planned[::-1]


def _share(planned: PlannedStage) -> tuple[float, str]:
    """What neighbours must have in common to share workers: their CPUs.

    A stage with a network on a GPU keeps its own workers: while one network computes, another stage's worker decodes
    its answers, and so the GPU does not wait.
    """
    needs = planned.stage.resources
    return needs.cpus, planned.stage.name if needs.gpus else ""


def _group(stages: Sequence[PlannedStage]) -> Group:
    needs = [planned.stage.resources for planned in stages]
    return Group(
        stages=tuple(stages),
        workers=1,
        cpus=max(need.cpus for need in needs),
        gpus=max(need.gpus for need in needs),
        memory_bytes=max(need.memory_bytes for need in needs),
        gpu_memory_bytes=sum(need.gpu_memory_bytes for need in needs),
    )


def _sized(groups: list[Group], machines: Sequence[Machine]) -> list[Group]:
    """One worker of each group to begin with, on smaller CPU shares if it must be; then as many as fit.

    All first workers run at the same time, so they have to fit together: a group without one would never start, and
    the groups before it would wait for it for ever.
    """
    for shrink in _CPU_SHRINKS:
        shrunk = [replace(group, cpus=group.cpus * shrink) for group in groups]
        free = _placed(shrunk, machines)
        if free is not None:
            return _grown(shrunk, free)
    needs = Machine(
        cpus=sum(group.cpus for group in groups) * _CPU_SHRINKS[-1],
        gpus=sum(group.gpus for group in groups),
        memory_bytes=sum(group.memory_bytes for group in groups),
    )
    there = "; ".join(str(machine) for machine in machines) or "none"
    raise PlanError(
        f"one worker of each of the {len(groups)} stage groups needs at least {needs} together, and the machines have "
        f"{there}; use larger machines or let the stages ask for less"
    )


def _placed(groups: Sequence[Group], machines: Sequence[Machine]) -> list[Machine] | None:
    """What is left of the machines with one worker of each group on them; None where they do not fit."""
    free: list[Machine] | None = list(machines)
    for group in sorted(groups, key=lambda group: (group.gpus, group.cpus, group.memory_bytes), reverse=True):
        free = free and _place(group, free)
    return free or None


def _place(group: Group, machines: Sequence[Machine]) -> list[Machine] | None:
    """What is left of the machines after one worker went to the first that has room; None where none has."""
    for place, machine in enumerate(machines):
        left = Machine(
            cpus=round(machine.cpus - group.cpus, 4),
            gpus=round(machine.gpus - group.gpus, 4),
            memory_bytes=machine.memory_bytes - group.memory_bytes,
        )
        if min(left.cpus, left.gpus, left.memory_bytes) >= 0:
            return [*machines[:place], left, *machines[place + 1 :]]
    return None


def _grown(groups: list[Group], free: list[Machine]) -> list[Group]:
    """Give the next worker to the group that has the fewest, until none fits any more."""
    growing = {place for place, group in enumerate(groups) if group.cpus or group.gpus}
    while growing:
        place = min(growing, key=lambda place: (groups[place].workers, place))
        left = _place(groups[place], free)
        if left is None:
            growing.remove(place)
        else:
            free = left
            groups[place] = replace(groups[place], workers=groups[place].workers + 1)
    return groups


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
