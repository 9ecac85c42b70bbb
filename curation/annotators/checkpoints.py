"""What curation asks of a published checkpoint: the library that reads it, and what `dataset.json` says of it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dataset_schema import Annotator
from storage import libraries
from storage.checkpoints import files_hash

# One that the paper's annotators need, imported when one of them is loaded.
library = partial(libraries.library, extra="paper-annotators")


def describe_checkpoint(job: str, name: str, parts: Sequence[Path]) -> Annotator:
    """For `dataset.json`: the checkpoint's name, and one hash over all its files."""
    repository, _, revision = name.partition("@")
    return Annotator(job=job, name=repository, revision=revision or "unknown", weights_sha256=files_hash(*parts))
