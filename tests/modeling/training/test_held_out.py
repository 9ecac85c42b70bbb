"""Training never sees held-out clips, and says how well the model does on them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dataset_schema import Bucket
from modeling.data.cache import write_cache
from modeling.data.held_out import Division, divide
from modeling.data.store import SampleStore
from modeling.data.video import decode_clip
from modeling.encoders import Encoders
from modeling.training import held_out
from modeling.training.checkpoint import read_tensors
from modeling.training.config import HeldOutConfig, RunConfig
from modeling.training.loop import Trainer, train
from modeling.training.objective import draw_noise
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import Team
from tests.modeling.training.small_runs import (
    LONG,
    PHASES,
    SMALL,
    KilledError,
    checkpoint,
    kill_after,
    metrics,
    run_config,
    same,
)

CPU = torch.device("cpu")
MakeDataset = Callable[..., Path]

HALF = HeldOutConfig(share=0.5, every_steps=4)


def parts(dataset: Path, config: HeldOutConfig = HALF) -> Division:
    assert config.share is not None
    return divide(SampleStore(dataset), share=config.share, seed=config.seed)


def clip_ids(store: SampleStore | None) -> set[str]:
    assert store is not None
    return {clip for bucket in store.clips_per_bucket() for clip in store.clip_ids(bucket).to_pylist()}


def with_data(config: RunConfig, **values: object) -> RunConfig:
    data = replace(config.training.data, **values)  # type: ignore[arg-type]  # names are those of its fields
    return replace(config, training=replace(config.training, data=data))


@pytest.mark.parametrize("uses_cache", [False, True])
def test_training_sees_neither_held_out_clips_nor_their_pictures(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uses_cache: bool
) -> None:
    dataset = make_dataset({SMALL: 6, LONG: 6})
    config = with_data(run_config(held_out=HALF), uses_cache=uses_cache, random_background_probability=1.0)
    if uses_cache:
        write_cache(SampleStore(dataset), config.pipeline.encoders.build(), device=CPU)
    read: set[str] = set()
    backgrounds: set[str] = set()
    whole, ground = SampleStore.read, SampleStore.read_background

    def read_and_tell(store: SampleStore, bucket: Bucket, index: int, **kinds: bool) -> object:
        read.add(store.clip_id(bucket, index))
        return whole(store, bucket, index, **kinds)

    def read_background_and_tell(store: SampleStore, number: int) -> object:
        backgrounds.add(store.all_clip_ids()[number].as_py())
        return ground(store, number)

    trainer = Trainer(config, SampleStore(dataset), output=tmp_path / "run", team=Team(CPU))
    monkeypatch.setattr(SampleStore, "read", read_and_tell)
    monkeypatch.setattr(SampleStore, "read_background", read_background_and_tell)
    for step in range(12):
        trainer.loader.batch(step)

    trained_on, unseen = (clip_ids(store) for store in parts(dataset))
    assert read == trained_on
    assert backgrounds
    assert backgrounds <= trained_on
    assert unseen
    assert not unseen & trained_on


def power(store: SampleStore, bucket: Bucket, encoders: Encoders) -> float:
    """What a model that predicts zero loses: the mean square of noise minus latents, over all clips of a bucket."""
    places = tuple(range(store.clips_per_bucket()[bucket]))
    latents = []
    for row in places:
        sample = store.read(bucket, row)
        assert sample.video is not None
        video = decode_clip(store.content(sample.video), bucket, start_s=sample.video_start_s)
        latents.append(encoders.autoencoder.encode(torch.from_numpy(video)[None])[0])
    noise = draw_noise(torch.stack(latents), places, seed=0, step=0)
    return (noise - torch.stack(latents)).square().mean().item()


def test_the_loss_is_that_of_the_held_out_clips_by_bucket_and_timestep(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 9, LONG: 5})
    still = OptimizerConfig(learning_rate=0.0, gradient_clip=1.0)
    config = with_data(run_config(held_out=replace(HALF, clips=20), optimizer=still), windows=1)

    train(config, dataset=dataset, output=tmp_path)

    lines = {line["step"]: line["held_out_losses"] for line in metrics(tmp_path)}
    assert [step for step, losses in lines.items() if losses] == [1, 4]
    store, encoders = parts(dataset).held_out, config.pipeline.encoders.build()
    assert store is not None
    assert store.clips_per_bucket() == {SMALL: 5, LONG: 1}  # so that the last turns, of four and of three, are not full
    assert set(lines[4]) == {str(SMALL), str(LONG)}
    for bucket in (SMALL, LONG):
        expected = pytest.approx(power(store, bucket, encoders), rel=1e-5)
        for timestep in ("0.3", "0.6", "0.9"):
            assert lines[4][str(bucket)][timestep] == {"without_references": expected, "with_references": expected}


def test_references_are_told_apart_where_a_phase_uses_them_and_looking_changes_nothing(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 8})
    looking = replace(HALF, every_steps=1)

    train(run_config(*PHASES, held_out=looking), dataset=dataset, output=tmp_path / "looking")
    train(run_config(*PHASES, held_out=replace(HALF, every_steps=0)), dataset=dataset, output=tmp_path / "blind")

    lines = metrics(tmp_path / "looking")
    names = [set(line["held_out_losses"][str(SMALL)]["0.6"]) for line in lines]
    assert names == [{"without_references"}] * 2 + [{"without_references", "with_references"}] * 6
    last = lines[-1]["held_out_losses"][str(SMALL)]["0.6"]
    assert last["without_references"] != last["with_references"]
    assert all(line["held_out_losses"] is None for line in metrics(tmp_path / "blind"))
    assert same(*(read_tensors(checkpoint(tmp_path / name, 8)) for name in ("looking", "blind")))


def test_a_resumed_run_holds_out_the_same_and_measures_the_same(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 8}), run_config(held_out=HALF, checkpoint_every_steps=2)
    train(config, dataset=dataset, output=tmp_path / "whole")
    with pytest.raises(KilledError):
        train(config, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(3))

    train(config, dataset=dataset, output=tmp_path / "killed")

    assert same(*(read_tensors(checkpoint(tmp_path / name, 6)) for name in ("whole", "killed")))
    found = [[line["held_out_losses"] for line in metrics(tmp_path / name)] for name in ("whole", "killed")]
    assert found[0] == found[1]
    with pytest.raises(ValueError, match=r"training\.held_out\.share is 0\.5, expected 0\.45"):
        train(run_config(held_out=replace(HALF, share=0.45)), dataset=dataset, output=tmp_path / "killed")


def test_a_small_dataset_holds_out_nothing_by_itself_also_when_it_has_grown(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    dataset, config = make_dataset({SMALL: 8}), run_config(held_out=HeldOutConfig(every_steps=1))
    longer = run_config(replace(config.training.phases[0], steps=8), held_out=HeldOutConfig(every_steps=1))
    caplog.set_level("INFO")

    train(config, dataset=dataset, output=tmp_path / "small")
    assert "the 8 clips of dataset" in caplog.text
    assert "come from 8 videos, fewer than 1000: none is held out, unless training.held_out.share" in caplog.text
    monkeypatch.setattr(held_out, "_LEAST_VIDEOS", 8)
    monkeypatch.setattr(held_out, "_SHARE", 0.5)
    train(longer, dataset=dataset, output=tmp_path / "small")  # it has trained on all of them
    train(longer, dataset=dataset, output=tmp_path / "large")

    assert all(line["held_out_losses"] is None for line in metrics(tmp_path / "small"))
    assert all(line["held_out_losses"] for line in metrics(tmp_path / "large"))
