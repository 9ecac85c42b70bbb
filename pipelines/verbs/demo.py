"""`demo`: curate a small generated world, train a tiny model on it, sample one video, and say where to look."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from rich.console import Console

from curation.profiles import CurationConfig
from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from dataset_schema import FRAMES_PER_SECOND, EntityKind, ReferenceImage, read_shard, shard_paths
from dataset_schema import Sample as CuratedSample
from modeling.data.video import Video, write_video
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline
from modeling.training.config import RunConfig
from modeling.training.presets import tiny
from pipelines.config import parse
from pipelines.progress import progress
from pipelines.terminal import terminal
from pipelines.verbs.curate import Curate, curate, show_result
from pipelines.verbs.inspect import Sheets, inspect
from pipelines.verbs.train import Train, train_with_bar
from pipelines.views.sampled_sheet import sampled_sheet
from pipelines.views.sheet_pictures import read_image
from pipelines.written_places import WRITES_FOLDER
from storage.configs import PRESET_ONLY
from storage.whole_files import write_whole_text
from worlds.sprites import SpriteWorldConfig, make_world

PRESET = Path(__file__).parents[2] / "configs" / "demo.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Show the whole system on a small generated world, in minutes on two cores, without a network.

    Example: python -m pipelines demo --videos my_videos/

    Attributes:
        output: everything goes here.
        videos: a folder of your own videos to curate together with the world, `NAME.txt` beside one its caption.
        world: of moving sprites.
        curation: as in `curate`.
        run: as in `train`.
        sampling: as in `sample`.
    """

    output: Path = field(default=Path("out/demo"), metadata=WRITES_FOLDER)
    videos: Path | None = None
    world: SpriteWorldConfig = field(default_factory=SpriteWorldConfig)
    curation: CurationConfig = field(default_factory=CurationConfig, metadata=PRESET_ONLY)
    run: RunConfig = field(default_factory=tiny, metadata=PRESET_ONLY)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


@dataclass(frozen=True, slots=True)
class _Request:
    """What to sample: a caption of the dataset, and the pictures that were curated for it."""

    prompt: str
    references: dict[str, list[Image.Image]]
    background: Image.Image | None
    background_word: str | None


def main(arguments: Sequence[str]) -> int:
    """Run the demo; the exit status is 1 if no clip was kept."""
    command = parse(Demo, arguments, verb="demo", preset=PRESET)
    console = terminal()
    start = time.monotonic()
    dataset = _curate(command, console)
    if not shard_paths(dataset, CuratedSample):
        console.print("no clip was kept, so there is nothing to train on; the tables above say why")
        return 1
    sheets = inspect(dataset, None, limit=12, console=terminal(is_quiet=True))
    pipeline = train_with_bar(Train(dataset=dataset, output=command.output / "model", run=command.run))
    video, picture = _sample(command, dataset, pipeline)
    _say_where(console, command, sheets, video, picture)
    console.print(f"the demo took {time.monotonic() - start:.0f} s")
    return 0


def _curate(command: Demo, console: Console) -> Path:
    world = command.output / "world"
    with progress("draw the world", total=command.world.clips, unit="clip") as report:
        drawn = iter(range(1, command.world.clips + 1))
        manifest = make_world(world, command.world, on_clip=lambda: report(next(drawn)))
    if command.videos is not None:
        manifest = with_own_videos(manifest, command.videos, command.output / "manifest.jsonl")
    dataset = command.output / "dataset"
    curation = Curate(input=manifest, output=dataset, curation=command.curation)
    show_result(console, curation, curate(curation))
    return dataset


def with_own_videos(world: Path, videos: Path, combined: Path) -> Path:
    """One manifest of the world's clips and the user's."""
    output = combined.parent  # where the world lies
    records = [record for place in (world, videos) for record in read_sources(place, SourcesConfig(), output=output)]
    rows = [
        {
            "video": record.source.uri,
            "caption": record.caption if isinstance(record, Clip) else "",
            "start_s": record.source.start_s,
            "end_s": record.source.end_s,
        }
        for record in records
    ]
    combined.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return combined


def _sample(command: Demo, dataset: Path, pipeline: Path) -> tuple[Path, Path]:
    request = _request(dataset)
    frames: Video = Pipeline.from_pretrained(pipeline)(
        request.prompt,
        references=request.references,
        background=request.background,
        background_word=request.background_word,
        sampling=command.sampling,
    )
    video, picture = command.output / "sample.mp4", command.output / "sample.html"
    write_video(video, frames, fps=FRAMES_PER_SECOND)
    write_whole_text(picture, sampled_sheet(request.prompt, request.references, request.background, frames))
    return video, picture


def _request(dataset: Path) -> _Request:
    """The first kept clip with a reference of a subject; curation keeps no other."""
    samples = (sample for path in shard_paths(dataset, CuratedSample) for sample in read_shard(path, CuratedSample))
    chosen = min(samples, key=lambda sample: sample.source.uri)
    references = {
        entity.word: pictures
        for entity in chosen.entities
        if entity.kind is not EntityKind.BACKGROUND and (pictures := _pictures(entity.references))
    }
    background = read_image(chosen.background.image) if chosen.background else None
    places = [entity.word for entity in chosen.entities if entity.kind is EntityKind.BACKGROUND]
    return _Request(chosen.caption, references, background, places[0] if places else None)


def _pictures(references: Sequence[ReferenceImage]) -> list[Image.Image]:
    opened = (read_image(reference.image) for reference in references[:1])
    return [picture for picture in opened if picture is not None]


def _say_where(console: Console, command: Demo, sheets: Sheets, video: Path, picture: Path) -> None:
    for what, where in (
        ("kept clips, with words, masks and references", sheets.kept),
        ("rejected clips, with reasons", sheets.rejected),
        ("the sampled video", video),
        ("its frames beside its reference pictures", picture),
        ("the dataset", command.output / "dataset"),
        ("loss and reference gain", command.output / "model" / "metrics.jsonl"),
    ):
        console.print(f"{what}: {where}", soft_wrap=True)
    console.print(
        "The model knows these few clips by heart: the path works. Pictures that change what comes out take more clips "
        "and more steps; the reference gain in the metrics tells when they begin to.",
        soft_wrap=True,
    )
