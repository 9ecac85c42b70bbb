"""`sample`: a prompt and reference images in, a video out."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import torch
from PIL import Image

from modeling.data.video import write_video
from modeling.sampling.denoising import SamplingConfig, steps_for
from modeling.sampling.pipeline import Pipeline
from picture_reading.opening import open_picture
from pipelines.config import ConfigError, parse
from pipelines.progress import progress
from storage.places import expect_file_to_write
from storage.whole_files import whole_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Sample a video in which the pictured subjects appear.

    Equal arguments give equal videos. Example:
    python -m pipelines sample --model out/model/pipeline --prompt "A cat runs across a meadow." --reference cat=cat.png
    --output cat.mp4

    Attributes:
        model: directory of a trained pipeline.
        prompt: what happens in the video.
        output: the .mp4 to write.
        reference: WORD=PICTURE, several if need be; the word is copied from the prompt (WORD#2 where it stands there
            a second time), the picture shows its subject on a transparent or white background.
        negative_prompt: what guidance leads away from, such as "blurry"; for models on a published one, which read it.
        first_frame: a picture that the video is to begin with, scaled and centre-cropped to its size.
        background: WORD=PICTURE of the place.
        lora: adapters of a personal fine-tune of that pipeline, such as out/my_dog_model/pipeline/lora.
        sampling: its size and seed, and how noise becomes it.
        device: where to sample, such as `cpu` or `cuda`.
        trusts_code: whether the module of its encoders may run, where they are of a class of somebody's own.
    """

    model: Path
    prompt: str
    output: Path
    reference: tuple[str, ...] = ()
    negative_prompt: str | None = None
    first_frame: Path | None = None
    background: str | None = None
    lora: Path | None = None
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    device: str = "cpu"
    trusts_code: bool = False


def main(arguments: Sequence[str]) -> int:
    """Sample, and say where the video is."""
    command = parse(Sample, arguments, verb="sample")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # a phone's 108 megapixels are no attack
    try:
        print(f"video: {sample(command)}")
    except torch.OutOfMemoryError as error:
        raise ConfigError(f"{error}; as options: --sampling.no-batches-branches, --sampling.bucket") from error
    return 0


def sample(command: Sample) -> Path:
    """Write the video; returns its path."""
    if command.output.suffix != ".mp4":
        raise ConfigError(f"--output is {command.output}, expected a name that ends in .mp4")
    expect_file_to_write(command.output)
    references: dict[str, list[Image.Image]] = {}
    for argument in command.reference:
        word, picture = _word_and_picture("--reference", argument)
        references.setdefault(word, []).append(picture)
    background_word, background = (
        _word_and_picture("--background", command.background) if command.background else (None, None)
    )
    first_frame = _picture("--first-frame", command.first_frame) if command.first_frame else None
    sampling = command.sampling
    steps = sampling.steps or steps_for(sampling.bucket)
    pipeline = Pipeline.from_pretrained(
        command.model, device=command.device, lora=command.lora, trusts_code=command.trusts_code
    )
    with progress("sample", total=steps, unit="step") as report:
        done = count(1)
        video = pipeline(
            command.prompt,
            references=references,
            background=background,
            background_word=background_word,
            first_frame=first_frame,
            negative_prompt=command.negative_prompt,
            sampling=sampling,
            on_step=lambda: report(next(done)),
        )
    with whole_file(command.output) as written:
        write_video(written, video, fps=pipeline.config.model.fps)
    return command.output


def _word_and_picture(flag: str, argument: str) -> tuple[str, Image.Image]:
    word, separator, path = argument.partition("=")
    if not separator or not word or not path:
        raise ConfigError(f"{flag} is {argument!r}, expected WORD=PICTURE such as cat=cat.png")
    return word, _picture(f"{flag} {argument!r}", path)


def _picture(name: str, path: str | Path) -> Image.Image:
    try:
        return open_picture(path)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error
