"""`prove`: curate a small world, train on what was kept, sample textures never seen, judge, write down the result."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count, islice, zip_longest
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from curation.profiles import CurationConfig
from modeling.data.video import Video
from modeling.model.weight_files import has_weights
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.presets import tiny
from pipelines.config import ConfigError, parse
from pipelines.progress import Report, progress
from pipelines.proof.curves import curves_chart
from pipelines.proof.example_sheet import Example, examples_sheet
from pipelines.proof.held_out import HeldOut, read_held_out
from pipelines.proof.sampling import Sampler, clips_for
from pipelines.proof.scores import ClipScore, Condition, Figure
from pipelines.proof.scoring import Judge, figures
from pipelines.proof.table import console_table, markdown_table
from pipelines.proof.wan_base import on_base, publish_base, run_of_base, write_first_weights
from pipelines.terminal import terminal
from pipelines.verbs.cache import Cache, cache_with_bar
from pipelines.verbs.curate import Curate, curate, show_result
from pipelines.verbs.train import Train, train_with_bar
from pipelines.views.charts import save_chart
from pipelines.written_places import WRITES_FOLDER
from storage.configs import PRESET_ONLY, to_plain
from storage.devices import torch_device
from storage.whole_files import publish, unfinished, write_whole_text
from worlds.sprites import SmallWorldConfig, make_world

PRESET = Path(__file__).parents[2] / "configs" / "prove_cpu.toml"

# Worlds of held-out clips have seeds that no world of training has.
_HELD_OUT_SEEDS: Final = 1_000_000

_EXAMPLES: Final = 8

_SETTINGS: Final = "settings.json"

# Fields that do not decide what a proof comes to.
_ELSEWHERE: Final = ("output", "device", "ablations", "only")

# Those that decide what its clips are.
_OF_CLIPS: Final = ("world", "held_out", "curation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """A proof that differs from another in one line of its config.

    Attributes:
        name: of its row and its folder.
        change: TOML, such as `run.pipeline.model.binds_words = false`; two lines where one setting needs another. One
            of `sampling` or `pictures` samples with the model that there is; one of `run` trains another, from the same
            text model; one of `world` or `curation` draws and curates another training set, and trains from the
            beginning. All are judged on the same held-out clips, as the proof itself curated them.
    """

    name: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prove:
    """Show that the model personalizes: curate, train, sample textures that training never saw, and judge.

    Run it again after an interruption: what is finished is not done again. Example:
    python -m pipelines prove --seed 1 --output out/proof-1

    Attributes:
        output: everything goes here; `proof.md` and `proof.png` are the result.
        seed: of the worlds, of training and of the noise, in place of their own.
        dataset: output of another proof, whose curated worlds are taken instead of drawing and curating others; the
            seed is then that of training and of the noise alone.
        world: what is trained on.
        held_out: clips to sample, of another seed and so in other textures; otherwise like `world`.
        candidates: textures that the judge tells each subject's from.
        retrieval_goal: share of the subjects whose texture is to be told rightly.
        following_goal: share of the clips of two subjects in which exchanged pictures are to be followed.
        copying_limit: where states change, the greatest share of those shown as in the picture, though the caption asks
            for the contrary.
        curation: as in `curate`, but for its buckets.
        run: as in `train`: first the training phases without references, then, from the pipeline of those, the others.
        base: where the model of `run` is a published one, the training phases that it comes from, of all its weights
            and without references; in all else they are as `run`, whose own phases then train what is new alone.
        sampling: how the held-out clips are sampled, each from the noise of its own number; its bucket is also what is
            curated and trained for. The presets have little guidance: much of it spoils a young model (docs/proof.md).
        pictures: of each subject, that are given.
        ablations: what `ablate` runs.
        device: where to train and sample.
    """

    output: Path = field(default=Path("out/proof"), metadata=WRITES_FOLDER)
    seed: int = 0
    dataset: Path | None = None
    world: SmallWorldConfig = field(default_factory=SmallWorldConfig)
    held_out: int = 240
    candidates: int = 16
    retrieval_goal: float = 0.80
    following_goal: float = 0.85
    copying_limit: float | None = field(default=None, metadata=PRESET_ONLY)
    curation: CurationConfig = field(default_factory=CurationConfig, metadata=PRESET_ONLY)
    run: RunConfig = field(default_factory=tiny, metadata=PRESET_ONLY)
    base: tuple[TrainingPhase, ...] = field(default=(), metadata=PRESET_ONLY)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    pictures: int = 1
    ablations: tuple[Ablation, ...] = field(default=(), metadata=PRESET_ONLY)
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the models of a proof are trained and judged on.

    Attributes:
        training: the curated dataset.
        clips: held out.
        text_model: the pipeline after the training phases without references; or the folder of the published base.
    """

    training: Path
    clips: tuple[HeldOut, ...]
    text_model: Path


def main(arguments: Sequence[str]) -> int:
    """Prove; the exit status is 1 if a goal is missed."""
    return prove(parse(Prove, arguments, verb="prove", preset=PRESET))


def prove(command: Prove) -> int:
    """Do what the command says; gives the exit status."""
    console = terminal()
    torch_device(command.device)
    expect_provable(command)
    expect_same_settings(command)
    material = prepare(command, console)
    pipeline = personalize(command, material, command.output / "personalized")
    videos, scores = judge(command, material, pipeline, command.output / "videos")
    found = figures(
        scores,
        retrieval_goal=command.retrieval_goal,
        following_goal=command.following_goal,
        copying_limit=command.copying_limit,
    )
    _write(command, found, _examples(material.clips, videos))
    console.print(console_table(found))
    for name in ("proof.md", "proof.png", "curves.png"):
        console.print(f"{command.output / name}", soft_wrap=True)
    return 0 if all(figure.is_met for figure in found) else 1


def expect_provable(command: Prove) -> None:
    """Refuse a run that has nothing to train without references or nothing with them, and clips of another world.

    Raises:
        ConfigError: it has not, or they are.
    """
    if bool(command.base) != _is_published(command):
        profile = command.run.pipeline.model.profile
        raise ConfigError(
            f"base has {len(command.base)} training phases, and run.pipeline.model is of profile {profile}; expected "
            "some for a published model, and none for another; start from configs/prove_backbone_cpu.toml"
        )
    trained = (*command.base, *command.run.training.phases)
    if {phase.uses_references for phase in trained} != {False, True}:
        found = ", ".join(f"{phase.name} (uses_references = {str(phase.uses_references).lower()})" for phase in trained)
        raise ConfigError(
            f"run.training.phases has {found}, expected phases without references and phases with them, which go on "
            "from there; start from configs/prove_cpu.toml"
        )
    if command.dataset is not None:
        _expect_same_clips(command, command.dataset / _SETTINGS)


def _expect_same_clips(command: Prove, path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            f"dataset {command.dataset} is no output of a proof, which would have {path.name}; name the output of a "
            "finished `prove`"
        )
    told, own = json.loads(path.read_text(encoding="utf-8")), _settings(command)
    different = [name for name in _OF_CLIPS if told.get(name) != own[name]]
    if told.get("sampling", {}).get("bucket") != own["sampling"]["bucket"]:
        different.append("sampling.bucket")
    if different:
        raise ConfigError(
            f"dataset {command.dataset} was curated with another {', '.join(different)} ({path}); use the same, or "
            "leave dataset out"
        )


def expect_same_settings(command: Prove) -> None:
    """Refuse to go on in an output directory that other settings began; the first ones are kept there.

    Raises:
        ConfigError: they did.
    """
    settings = _settings(command)
    kept = command.output / _SETTINGS
    if not kept.is_file():
        write_whole_text(kept, json.dumps(settings, indent=2) + "\n")
    elif json.loads(kept.read_text(encoding="utf-8")) != settings:
        raise ConfigError(f"{command.output} was begun with other settings ({kept}); choose another --output")


def _settings(command: Prove) -> dict[str, Any]:
    return {name: value for name, value in to_plain(command).items() if name not in _ELSEWHERE}


def prepare(command: Prove, console: Console) -> Material:
    """Draw both worlds, curate them, and train without references."""
    world = replace(command.world, seed=_HELD_OUT_SEEDS + command.seed, clips=command.held_out)
    dataset = _curated(command, "held_out", world, console)
    manifest = dataset.parent / "world" / "manifest.csv"
    clips = read_held_out(manifest, dataset, command.sampling.bucket, fps=command.run.pipeline.model.fps)
    return prepare_training(command, clips, console)


def prepare_training(command: Prove, clips: Sequence[HeldOut], console: Console) -> Material:
    """Draw and curate the world to train on, and train without references; `clips` are held out already."""
    dataset = _curated(command, "training", replace(command.world, seed=command.seed), console)
    run = _run_without_references(command)
    cached = cache_with_bar(Cache(dataset=dataset, run=run, device=command.device))
    if cached.failures:
        raise ValueError(f"{len(cached.failures)} clips cannot be encoded, the first: {cached.failures[0].message}")
    text_model = _text_model(command, run, dataset)
    return Material(training=dataset, clips=tuple(clips), text_model=text_model)


def personalize(command: Prove, material: Material, output: Path) -> Path:
    """Train with references, from the model without; returns the pipeline."""
    run = _part(command, uses_references=True)
    if _is_published(command):
        return _trained(command, on_base(run, material.text_model), material.training, output, start=None)
    return _trained(command, run, material.training, output, start=material.text_model)


def judge(
    command: Prove,
    material: Material,
    pipeline: Path,
    folder: Path,
    conditions: Sequence[Condition] = tuple(Condition),
) -> tuple[Mapping[Condition, Mapping[int, Video]], Mapping[Condition, Sequence[ClipScore]]]:
    """Sample every held-out clip under every condition, and score it."""
    referee = Judge(material.clips, candidates=command.candidates, pictures=command.pictures)
    videos: dict[Condition, Mapping[int, Video]] = {}
    scores: dict[Condition, Sequence[ClipScore]] = {}
    for condition in conditions:
        clips = clips_for(condition, material.clips)
        sampler = Sampler(
            pipeline=Pipeline.from_pretrained(_sampled(command, material, pipeline, condition), device=command.device),
            sampling=command.sampling,
            folder=folder,
            pictures=command.pictures,
        )
        if not clips:
            continue
        with progress(f"sample {condition}", total=len(clips), unit="clip") as report:
            videos[condition] = sampler.videos(clips, condition, on_clip=_counted(report))
        with progress(f"judge {condition}", total=len(clips), unit="clip") as report:
            scores[condition] = [
                _reported(report, number, referee.score(clip, videos[condition][clip.number], condition))
                for number, clip in enumerate(clips, start=1)
            ]
    return videos, scores


def _sampled(command: Prove, material: Material, pipeline: Path, condition: Condition) -> Path:
    """What samples: without references a frozen base as it was trained, because adapters would change it."""
    if command.base and condition is Condition.WITHOUT:
        return material.text_model.with_name("text") / "pipeline"
    return pipeline


def _reported(report: Report, number: int, score: ClipScore) -> ClipScore:
    report(number)
    return score


def _counted(report: Report) -> Callable[[], None]:
    numbers = count(1)
    return lambda: report(next(numbers))


def _curated(command: Prove, name: str, world: SmallWorldConfig, console: Console) -> Path:
    if command.dataset is not None:
        return command.dataset / name / "dataset"
    folder = command.output / name
    manifest = folder / "world" / "manifest.csv"
    if not manifest.is_file():
        with progress(f"draw the {name} world", total=world.clips, unit="clip") as report:
            make_world(unfinished(manifest.parent), world, on_clip=_counted(report))
        publish(manifest.parent)
    dataset = folder / "dataset"
    if not dataset.is_dir():
        curation = replace(command.curation, buckets=(str(command.sampling.bucket),))
        curating = Curate(input=manifest, output=unfinished(dataset), curation=curation)
        show_result(console, replace(curating, output=dataset), curate(curating))
        publish(dataset)
    return dataset


def _is_published(command: Prove) -> bool:
    return command.run.pipeline.model.is_published


def _run_without_references(command: Prove) -> RunConfig:
    if command.base:
        return run_of_base(_part(command, uses_references=True), command.base)
    return _part(command, uses_references=False)


def _text_model(command: Prove, run: RunConfig, dataset: Path) -> Path:
    """What is personalized: a pipeline; or, of a published model, the folder of its base, in diffusers' form."""
    if not command.base:
        return _trained(command, run, dataset, command.output / "text", start=None)
    first = write_first_weights(run, command.output / "first_weights")
    trained = _trained(command, run, dataset, command.output / "text", start=first)
    return publish_base(run, trained, command.output / "base")


def _part(command: Prove, *, uses_references: bool) -> RunConfig:
    """The run with the training phases that use references, or those that do not."""
    training = command.run.training
    phases = tuple(phase for phase in training.phases if phase.uses_references == uses_references)
    data = replace(training.data, buckets=(command.sampling.bucket,), uses_cache=True)
    return replace(command.run, training=replace(training, phases=phases, data=data, seed=command.seed))


def _trained(command: Prove, run: RunConfig, dataset: Path, output: Path, *, start: Path | None) -> Path:
    pipeline = output / "pipeline"
    if has_weights(pipeline):  # which are written last
        return pipeline
    return train_with_bar(Train(dataset=dataset, output=output, run=run, device=command.device, start=start))


def _examples(clips: Sequence[HeldOut], videos: Mapping[Condition, Mapping[int, Video]]) -> list[Example]:
    """The first clips of two subjects and of one, in turn: nobody chose them."""
    pairs, singles = ([clip for clip in clips if len(clip.subjects) == number] for number in (2, 1))
    in_turn = (clip for clip in chain.from_iterable(zip_longest(pairs, singles)) if clip is not None)
    return [
        Example(
            prompt=_prompt(clip, videos),
            references=tuple((subject.word, subject.pictures[0]) for subject in clip.subjects),
            videos={condition: found[clip.number] for condition, found in videos.items() if clip.number in found},
        )
        for clip in islice(in_turn, _EXAMPLES)
    ]


def _prompt(clip: HeldOut, videos: Mapping[Condition, Mapping[int, Video]]) -> str:
    is_contradicted = clip.number in videos.get(Condition.CONTRARY, {})
    return f"{clip.caption} Contrary: {clip.contrary_caption}" if is_contradicted else clip.caption


def _write(command: Prove, found: Sequence[Figure], examples: Sequence[Example]) -> None:
    write_whole_text(command.output / "figures.json", json.dumps([asdict(figure) for figure in found], indent=1) + "\n")
    write_whole_text(command.output / "proof.md", markdown_table(found) + "\n")
    save_chart(examples_sheet(examples), command.output / "proof.png")
    logs = [(name, command.output / name / "metrics.jsonl") for name in ("text", "personalized")]
    save_chart(curves_chart(logs), command.output / "curves.png")
