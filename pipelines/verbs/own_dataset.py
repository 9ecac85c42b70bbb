"""`own-dataset`: videos and pictures of one's own in, a dataset out, without curation."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dataset_schema import Bucket
from modeling.data.own_clips import own_clips
from modeling.data.own_dataset import USUAL_BUCKETS, write_own_dataset
from modeling.training.config import RunConfig
from modeling.training.presets import tiny
from pipelines.config import parse
from pipelines.written_places import WRITES_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDataset:
    """Make a dataset of captioned videos or pictures, whose words and their pictures are given, and believed.

    A personal fine-tune needs no more than five pictures: docs/personal.md says how the files lie. Example:
    python -m pipelines own-dataset --input my_dog --output out/my_dog --buckets 1x64x112

    Attributes:
        input: a folder of videos and pictures with their captions, or a .jsonl file of clips.
        output: the directory of the new dataset.
        buckets: sizes to train at; each clip fills at least one. Without: those of Table 6, and one frame of each.
        run: the training run that will use it. Where clips come with latents, they are of its autoencoder and of its
            model's frames per second.
    """

    input: Path
    output: Path = field(metadata=WRITES_FOLDER)
    buckets: tuple[Bucket, ...] = ()
    run: RunConfig = field(default_factory=tiny)


def main(arguments: Sequence[str]) -> int:
    """Write it, and say what to do with it."""
    command = parse(OwnDataset, arguments, verb="own-dataset")
    clips = own_clips(command.input)
    pipeline = command.run.pipeline
    dataset = write_own_dataset(
        command.output,
        clips,
        buckets=command.buckets or USUAL_BUCKETS,
        encoders=pipeline.encoders if any(clip.latents for clip in clips) else None,
        fps=pipeline.model.fps,
    )
    print(f"dataset: {dataset}   clips: {len(clips)}")
    print(f"train on it: make train DATASET={shlex.quote(str(dataset))} OUTPUT=... CONFIG=...")
    return 0
