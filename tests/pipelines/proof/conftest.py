"""One proof for the files of this folder: it takes longer than all that they ask of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.proof import prove
from pipelines.verbs.curate import Curate
from pipelines.verbs.train import Train, train_with_bar
from tests.pipelines.proof.small_proof import Proof, tiny


@pytest.fixture(scope="package")
def without_ray() -> Iterator[None]:
    """Curation in this process: starting Ray takes longer than these clips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove, "Curate", partial(Curate, executor="local"))
        yield


@pytest.fixture(scope="package")
def trained() -> Iterator[list[Train]]:
    """What has been trained so far."""
    commands: list[Train] = []

    def train(command: Train) -> Path:
        commands.append(command)
        return train_with_bar(command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove, "train_with_bar", train)
        yield commands


@pytest.fixture(scope="package")
def proof(without_ray: None, trained: list[Train], tmp_path_factory: pytest.TempPathFactory) -> Proof:
    folder = tmp_path_factory.mktemp("proof")
    output, options = folder / "small", tiny(folder)
    return Proof(output, options, main(["prove", "--output", str(output), *options]))
