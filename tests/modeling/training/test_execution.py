"""How devices compute a step changes nothing but rounding, and what does not fit says what to change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.model.precision import Precision
from modeling.training.checkpoint import read_tensors
from modeling.training.loop import Trainer, train
from modeling.training.parallel import Team
from tests.modeling.training.small_runs import (
    PHASES,
    PLAIN,
    SMALL,
    checkpoint,
    largest_difference,
    metrics,
    run_config,
    same,
)

MakeDataset = Callable[..., Path]
CPU = torch.device("cpu")


def test_recomputing_activations_gives_bitwise_the_same_weights(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset({SMALL: 5})

    for name, recomputes in (("kept", False), ("recomputed", True)):
        config = run_config(*PHASES, execution=replace(PLAIN, recomputes_activations=recomputes))
        train(config, dataset=dataset, output=tmp_path / name)

    assert same(*(read_tensors(checkpoint(tmp_path / name, 8)) for name in ("kept", "recomputed")))


def test_recomputing_keeps_fewer_activations(make_dataset: MakeDataset, tmp_path: Path) -> None:
    store, kept_bytes = SampleStore(make_dataset({SMALL: 5})), {}
    for recomputes in (False, True):
        config = run_config(execution=replace(PLAIN, recomputes_activations=recomputes))
        trainer = Trainer(config, store, output=tmp_path / str(recomputes), team=Team(CPU))
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.nbytes)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            trainer.step(trainer.loader.batch(0))
        kept_bytes[recomputes] = sum(sizes)

    assert kept_bytes[True] < 0.5 * kept_bytes[False]


def test_a_batch_in_two_turns_gives_the_weights_of_one(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset({SMALL: 5})

    for turns in (1, 2):
        batching = BatchingConfig(tokens_per_device=48 // turns, devices_per_group=turns)
        config = run_config(dropout=0.0, data=DataConfig(batching=batching))
        train(config, dataset=dataset, output=tmp_path / str(turns))

    ends = [read_tensors(checkpoint(tmp_path / turns, 6)) for turns in ("1", "2")]
    assert largest_difference(*ends) < 5e-6


def test_bfloat16_stays_near_float32_and_keeps_float32_weights(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset({SMALL: 5})

    for precision in Precision:
        config = run_config(execution=replace(PLAIN, precision=precision))
        train(config, dataset=dataset, output=tmp_path / precision)

    losses = {precision: [line["loss"] for line in metrics(tmp_path / precision)] for precision in Precision}
    assert losses[Precision.BFLOAT16] == pytest.approx(losses[Precision.FLOAT32], rel=2e-2)
    assert losses[Precision.BFLOAT16] != losses[Precision.FLOAT32]
    saved = read_tensors(checkpoint(tmp_path / Precision.BFLOAT16, 6))
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}


def test_a_step_that_does_not_fit_says_which_clips_and_what_to_change(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    config = run_config()
    trainer = Trainer(config, SampleStore(make_dataset({SMALL: 5})), output=tmp_path, team=Team(CPU))

    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    trainer.model.blocks[1].register_forward_pre_hook(run_out)

    with pytest.raises(
        MemoryError, match=r"step 1 does not fit in memory: 4 clips of 5x32x48 on one device.*tokens_per_device"
    ):
        trainer.step(trainer.loader.batch(0))
