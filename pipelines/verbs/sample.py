"""`sample`: a prompt and reference images in, a video out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
from PIL import Image

from dataset_schema import FRAMES_PER_SECOND, Bucket
from modeling.data.video import write_video
from modeling.model.precision import Precision
from modeling.sampling.flow import Solver
from modeling.sampling.guidance import GuidanceForm
from modeling.sampling.pipeline import Pipeline, SamplingConfig, steps_for
from pipelines.config import ConfigError, parse
from pipelines.progress import progress


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
        background: WORD=PICTURE of the place.
        bucket: FRAMESxHEIGHTxWIDTH of the video; frames 4k + 1, sides multiples of 16.
        steps: denoising steps; None takes the paper's number for the resolution.
        seed: another number, another video.
        text_scale: s_T of the guidance; the paper uses 8, and 0 is none.
        image_scale: s_I of the guidance; the paper uses 3. Larger values copy the reference image.
        guidance: `separate` is the paper's Equation 2; `chained` is Equation 1, which it compares with.
        solver: `euler`, or `heun`: more exact for as many steps, at nearly twice the time.
        batches_branches: predict the branches of guidance together; turned off, they take turns in less memory.
        precision: of the large products; `bfloat16` is several times faster on a GPU.
        device: where to sample, such as `cpu` or `cuda`.
    """

    model: Path
    prompt: str
    output: Path
    reference: tuple[str, ...] = ()
    background: str | None = None
    bucket: str = "49x288x512"
    steps: int | None = None
    seed: int = 0
    text_scale: float = 8.0
    image_scale: float = 3.0
    guidance: GuidanceForm = GuidanceForm.SEPARATE
    solver: Solver = Solver.EULER
    batches_branches: bool = True
    precision: Precision = Precision.FLOAT32
    device: str = "cpu"


def main(arguments: Sequence[str]) -> int:
    """Sample, and say where the video is."""
    command = parse(Sample, arguments, verb="sample")
    try:
        print(f"video: {sample(command)}")
    except torch.OutOfMemoryError as error:
        raise ConfigError(f"{error}; as options: --no-batches-branches, --bucket") from error
    return 0


def sample(command: Sample) -> Path:
    """Write the video; returns its path."""
    if command.output.suffix != ".mp4":
        raise ConfigError(f"--output is {command.output}, expected a name that ends in .mp4")
    references: dict[str, list[Image.Image]] = {}
    for argument in command.reference:
        word, picture = _word_and_picture("--reference", argument)
        references.setdefault(word, []).append(picture)
    background_word, background = (
        _word_and_picture("--background", command.background) if command.background else (None, None)
    )
    bucket = Bucket.parse(command.bucket)
    steps = steps_for(bucket) if command.steps is None else command.steps
    sampling = SamplingConfig(
        bucket=bucket,
        steps=steps,
        seed=command.seed,
        text_scale=command.text_scale,
        image_scale=command.image_scale,
        guidance=command.guidance,
        solver=command.solver,
        batches_branches=command.batches_branches,
        precision=command.precision,
    )
    pipeline = Pipeline.from_pretrained(command.model, device=command.device)
    with progress("sample", total=steps, unit="step") as report:
        done = count(1)
        video = pipeline(
            command.prompt,
            references=references,
            background=background,
            background_word=background_word,
            sampling=sampling,
            on_step=lambda: report(next(done)),
        )
    command.output.parent.mkdir(parents=True, exist_ok=True)
    write_video(command.output, video, fps=FRAMES_PER_SECOND)
    return command.output


def _word_and_picture(flag: str, argument: str) -> tuple[str, Image.Image]:
    word, separator, path = argument.partition("=")
    if not separator or not word or not path:
        raise ConfigError(f"{flag} is {argument!r}, expected WORD=PICTURE such as cat=cat.png")
    try:
        with Image.open(path) as image:
            return word, image.convert("RGBA")
    except OSError as error:
        raise ConfigError(f"{flag} {argument!r}: {path} is no picture that can be opened ({error})") from error
