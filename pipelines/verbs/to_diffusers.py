"""`to-diffusers`: a pipeline on a published model in, a folder for diffusers out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modeling.sampling.diffusers_folder import write_diffusers
from pipelines.config import parse
from pipelines.written_places import WRITES_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class ToDiffusers:
    """Make a folder that diffusers' WanPipeline loads, with the trained layers, of a pipeline on a published Wan.

    Example: python -m pipelines to-diffusers --model out/wan/pipeline --output out/wan_diffusers

    Attributes:
        model: directory of the pipeline.
        output: a new folder; it gets the base's weights too, and text encoder, tokenizer, autoencoder and scheduler.
    """

    model: Path
    output: Path = field(metadata=WRITES_FOLDER)


def main(arguments: Sequence[str]) -> int:
    """Make it, and say how it is loaded."""
    command = parse(ToDiffusers, arguments, verb="to-diffusers")
    folder = write_diffusers(command.model, command.output)
    print(f"diffusers: {folder}")
    print(f"load it: diffusers.WanPipeline.from_pretrained({str(folder)!r}, trust_remote_code=True)")
    return 0
