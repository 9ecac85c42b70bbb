import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dataset_schema import Sample, write_shard
from modeling.data.batches import BatchLoader
from modeling.data.cache import write_cache
from modeling.data.store import SampleStore
from modeling.encoders.geometry import LatentGeometry
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.model.weights import build_model
from modeling.sampling.flow import FlowConfig
from modeling.sampling.pipeline import Pipeline
from modeling.training.checkpoint import read_tensors
from modeling.training.config import (
    PHASE_I,
    PHASE_II_A,
    PHASE_II_B,
    RunConfig,
    TrainingConfig,
    TrainingPhase,
    phase_at,
)
from modeling.training.ends import empty_model_of
from modeling.training.export import export_checkpoint
from modeling.training.loop import Trainer, phases_left, train
from modeling.training.objective import EncodedBatch, draw_noise, encode_batch, reference_losses, velocity_loss
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig, Team
from modeling.training.presets import tiny
from modeling.training.run_log import StepReport
from storage.busy import BusyError
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
    weights,
)

CPU = torch.device("cpu")
MakeDataset = Callable[..., Path]


def test_a_run_killed_twice_ends_bitwise_like_one_that_was_not(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5, LONG: 3}), run_config(*PHASES, checkpoint_every_steps=2)

    whole = train(config, dataset=dataset, output=tmp_path / "whole")
    for step in (5, 7):
        with pytest.raises(KilledError):
            train(config, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(step))
    resumed = train(config, dataset=dataset, output=tmp_path / "killed")

    last = [read_tensors(checkpoint(output, 8)) for output in (tmp_path / "whole", tmp_path / "killed")]
    assert same(last[0], last[1])
    assert {name.partition(".")[0] for name in last[0]} == {"weights", "average", "optimizer"}
    assert same(load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors"))


def test_the_metrics_of_a_resumed_run_have_every_step_once(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(checkpoint_every_steps=2)
    with pytest.raises(KilledError):
        train(config, dataset=dataset, output=tmp_path, on_step=kill_after(5))

    train(config, dataset=dataset, output=tmp_path)

    lines = metrics(tmp_path)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line["loss"] > 0 and line["gradient_norm"] > 0 and line["tokens_per_s"] > 0 for line in lines)
    assert [line["step"] for line in lines if line["reference_gain"]] == [1, 2, 4, 6]


def test_each_training_phase_changes_only_its_own_weights(make_dataset: MakeDataset, tmp_path: Path) -> None:
    config = run_config(*PHASES, checkpoint_every_steps=2, checkpoints_kept=9)

    train(config, dataset=make_dataset({SMALL: 5}), output=tmp_path)

    start = build_model(config.pipeline.model, seed=0).state_dict()
    # II-a begins with step 3; weights that it leaves as they are take their average there.
    after_i, *within_ii_a, after_ii_b = [weights(checkpoint(tmp_path, step)) for step in (2, 4, 6, 8)]
    changed = [
        {name for name in left if not torch.equal(left[name], right[name])}
        for left, right in ((start, after_i), within_ii_a, (within_ii_a[1], after_ii_b))
    ]
    new = {name for name in start if "personalization" in name or name.startswith("binding.")}
    assert changed[0]
    assert not changed[0] & new
    assert changed[1]
    assert changed[1] <= new
    assert changed[2] & new
    assert changed[2] - new


@pytest.mark.parametrize("begins_with_backbone", [False, True])
def test_a_phase_that_nothing_reaches_is_told(
    make_dataset: MakeDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture, begins_with_backbone: bool
) -> None:
    phases = PHASES[:2] if begins_with_backbone else PHASES[1:2]

    train(run_config(*phases), dataset=make_dataset({SMALL: 5}), output=tmp_path)

    assert ("II-a begins with gradients of exactly zero" in caplog.text) is not begins_with_backbone


def test_a_cooldown_ends_just_above_zero() -> None:
    phase = TrainingPhase(name="short", steps=10, trainable=Trainable.ALL, warmup_steps=2, cooldown_steps=4)

    assert [phase.rate_share(step) for step in range(10)] == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_a_phase_that_could_change_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="training phase x trains new_layers without references"):
        TrainingPhase(name="x", steps=1, trainable=Trainable.NEW_LAYERS, uses_references=False)


def test_the_papers_phases_are_those_of_b2() -> None:
    phases = TrainingConfig().phases

    assert [phase.steps for phase in phases] == [60_000, 10_000, 30_000]
    assert phase_at(phases, 59_999) == (0, 59_999)
    assert phase_at(phases, 60_000) == (1, 0)
    assert PHASE_II_A.rate_share(499) == 0.5
    assert PHASE_II_A.rate_share(5_000) == PHASE_II_B.rate_share(29_999) == 1.0
    assert PHASE_II_B.rate_share(499) == 0.5  # of the backbone, which begins there; the new layers go on
    assert PHASE_II_B.rate_share(0, warms_up=False) == 1.0
    assert not PHASE_I.uses_references
    assert [(phase.name, steps) for phase, steps in phases_left(phases, done=65_000)] == [
        ("II-a", range(65_000, 70_000)),
        ("II-b", range(70_000, 100_000)),
    ]


def test_a_new_trainer_is_ready_and_its_steps_lead_from_one_phase_into_the_next(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    config, dataset = run_config(*PHASES), make_dataset({SMALL: 5})
    trainer = Trainer(config, SampleStore(dataset), output=tmp_path / "by hand", team=Team(CPU))

    reports = []
    for phase, steps in phases_left(PHASES, done=0):
        for batch in trainer.loader.batches(steps, with_references=phase.uses_references):
            reports.append(trainer.step(batch))
            trainer.record(reports[-1])
    trainer.finish()

    assert [report.training_phase for report in reports] == ["I"] * 2 + ["II-a"] * 4 + ["II-b"] * 2
    train(config, dataset=dataset, output=tmp_path / "trained")
    assert same(*(read_tensors(checkpoint(tmp_path / name, 8)) for name in ("by hand", "trained")))


def test_a_step_that_is_not_finite_changes_nothing_and_names_its_clips(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    config = run_config()
    trainer = Trainer(config, SampleStore(make_dataset({SMALL: 5})), output=tmp_path, team=Team(CPU))
    trainer.step(trainer.loader.batch(0))
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    hook = trainer.model.get_submodule("to_velocity").register_forward_hook(
        lambda *_: torch.full((4, 12, 64), torch.nan, requires_grad=True)
    )

    report = trainer.step(trainer.loader.batch(1))
    trainer.record(report)
    unchanged = same(before, trainer.model.state_dict())
    hook.remove()
    following = trainer.step(trainer.loader.batch(2))

    assert unchanged
    assert report.skipped_steps == following.skipped_steps == 1
    assert report.skipped_clips == tuple(example.clip_id for example in trainer.loader.batch(1).examples)
    assert not following.skipped_clips
    assert metrics(tmp_path)[0]["loss"] is None
    assert not same(before, trainer.model.state_dict())


def probe(dataset: Path, config: RunConfig) -> EncodedBatch:
    loader = BatchLoader(SampleStore(dataset), config.training.data, seed=0, max_images=6, latents=LatentGeometry())
    return encode_batch(loader.probe(), config.pipeline.encoders.build(), words_per_image=3, device=CPU)


def test_one_batch_can_be_learnt_by_heart(make_dataset: MakeDataset) -> None:
    config = run_config()
    encoded = probe(make_dataset({SMALL: 2}), config)
    model = build_model(replace(run_config(dropout=0.0).pipeline.model, width=64), seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    noise = torch.randn(encoded.latents.shape, generator=torch.Generator().manual_seed(0))
    timesteps = torch.linspace(0.2, 0.8, len(noise))

    losses = []
    for _ in range(150):
        loss = velocity_loss(model, encoded, noise=noise, timesteps=timesteps, shows_estimate=False)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("shows_estimate", [False, True])
def test_a_model_that_predicts_zero_loses_the_power_of_the_velocity(
    make_dataset: MakeDataset, shows_estimate: bool
) -> None:
    config = run_config()
    encoded = probe(make_dataset({SMALL: 2}), config)
    noise = torch.randn(encoded.latents.shape, generator=torch.Generator().manual_seed(0))

    loss = velocity_loss(
        build_model(config.pipeline.model, seed=0),
        encoded,
        noise=noise,
        timesteps=torch.full((len(noise),), 0.5),
        shows_estimate=shows_estimate,
    )

    assert loss.item() == pytest.approx((noise - encoded.latents).square().mean().item())


def test_noise_differs_by_step_and_place_and_not_by_how_ranks_share_it() -> None:
    latents = torch.zeros(4, 16, 1, 2, 2)

    whole = draw_noise(latents, (0, 1, 2, 3), seed=0, step=5)

    assert torch.equal(whole[1::2], draw_noise(latents[:2], (1, 3), seed=0, step=5))
    assert not torch.equal(whole, draw_noise(latents, (0, 1, 2, 3), seed=0, step=6))
    assert len(torch.unique(whole[:, 0, 0, 0, 0])) == 4


def test_references_are_worth_nothing_until_they_are_used(make_dataset: MakeDataset) -> None:
    config = run_config()
    encoded = probe(make_dataset({SMALL: 2}), config)
    model = build_model(config.pipeline.model, seed=0)
    places = (0, 1, 2, 3)

    before = reference_losses(model, encoded, places, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    after = reference_losses(model, encoded, places, seed=0)

    noise = draw_noise(encoded.latents, places, seed=0, step=0)
    power = (noise - encoded.latents).square().mean().item()
    given = velocity_loss(model.eval(), encoded, noise=noise, timesteps=torch.full((4,), 0.6), shows_estimate=False)
    assert list(before) == list(after) == ["0.3", "0.6", "0.9"]
    for losses in before.values():  # a new model predicts zero
        assert losses == pytest.approx((power, power))
        assert losses.gain == losses.gain_share == 0.0
    assert after["0.6"].with_references == given.item()
    for losses in after.values():
        assert losses.gain != 0
        assert losses.with_references == pytest.approx(losses.without_references * (1 - losses.gain_share))
    assert reference_losses(model, encoded, places, seed=0) == after


def test_the_gain_of_references_is_measured_when_they_come_in_and_then_as_due(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(*PHASES, reference_gain_every_steps=6)

    train(config, dataset=dataset, output=tmp_path)

    lines = {line["step"]: line for line in metrics(tmp_path)}
    # Training phase I is steps 1 and 2 and has no references, II-a begins with step 3, II-b with step 7.
    assert [step for step, line in lines.items() if line["reference_gain"]] == [3, 6, 7]
    for step in (3, 6, 7):
        losses = lines[step]["reference_losses"]
        assert lines[step]["reference_gain"] == {level: pair[0] - pair[1] for level, pair in losses.items()}
    assert all(gain != 0 for gain in lines[7]["reference_gain"].values())
    assert all(lines[step]["reference_losses"] is None for step in (1, 2, 4, 5, 8))


def test_a_checkpoint_of_another_config_is_refused_and_the_fields_are_named(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(checkpoint_every_steps=2)
    train(config, dataset=dataset, output=tmp_path)
    other = replace(config, pipeline=replace(config.pipeline, flow=FlowConfig(base_shift=2.0)))

    with pytest.raises(ValueError, match=r"pipeline\.flow\.base_shift is 1\.0, expected 2\.0"):
        train(other, dataset=dataset, output=tmp_path)


def test_a_finished_run_can_be_made_longer(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()
    longer = run_config(replace(config.training.phases[0], steps=8))
    train(config, dataset=dataset, output=tmp_path / "twice")

    train(longer, dataset=dataset, output=tmp_path / "twice")
    train(longer, dataset=dataset, output=tmp_path / "once")

    assert same(*(read_tensors(checkpoint(tmp_path / name, 8)) for name in ("once", "twice")))


def test_a_run_may_be_made_longer_by_a_phase_that_trains_more(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset({SMALL: 5})
    backbone = TrainingPhase(name="I", steps=4, trainable=Trainable.BACKBONE, uses_references=False)
    everything = TrainingPhase(name="II", steps=3, trainable=Trainable.ALL)
    train(run_config(backbone), dataset=dataset, output=tmp_path / "twice")

    train(run_config(backbone, everything), dataset=dataset, output=tmp_path / "twice")
    train(run_config(backbone, everything), dataset=dataset, output=tmp_path / "once")

    assert same(*(read_tensors(checkpoint(tmp_path / name, 7)) for name in ("once", "twice")))


NEW_LAYERS = TrainingPhase(name="II-a", steps=4, trainable=Trainable.NEW_LAYERS)


def test_checkpoints_hold_what_is_trained_alone_and_the_rest_is_what_the_run_began_from(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(NEW_LAYERS, checkpoint_every_steps=2)
    base = train(run_config(), dataset=dataset, output=tmp_path / "base")

    with pytest.raises(KilledError):
        train(config, dataset=dataset, output=tmp_path / "killed", start=base, on_step=kill_after(3))
    resumed = train(config, dataset=dataset, output=tmp_path / "killed")  # it knows where it began
    whole = train(config, dataset=dataset, output=tmp_path / "whole", start=base)

    tensors = read_tensors(checkpoint(tmp_path / "whole", 4))
    before, after = load_file(base / "model.safetensors"), load_file(whole / "model.safetensors")
    trained = {name for name in before if Trainable.NEW_LAYERS.admits(name)}
    for kind in ("weights.", "average."):
        assert {name.removeprefix(kind) for name in tensors if name.startswith(kind)} == trained
    assert trained < before.keys() == after.keys()
    assert all(torch.equal(after[name], before[name]) == (name not in trained) for name in before)
    assert same(after, load_file(resumed / "model.safetensors"))
    exported = export_checkpoint(checkpoint(tmp_path / "whole", 4), tmp_path / "exported")
    assert same(after, load_file(exported / "model.safetensors"))


def test_a_run_whose_beginning_was_moved_or_replaced_says_so_and_takes_its_new_place(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(NEW_LAYERS, checkpoint_every_steps=2)
    base = train(run_config(), dataset=dataset, output=tmp_path / "base")
    other = train(run_config(seed=1), dataset=dataset, output=tmp_path / "other")
    for pipeline in (base, other):
        Pipeline.from_pretrained(pipeline).save_pretrained(pipeline, max_file_bytes=150_000)
    first, *rest = sorted(base.glob("*.safetensors"))
    for path in rest:  # so that one file of several differs
        shutil.copy(path, other / path.name)
    with pytest.raises(KilledError):
        train(config, dataset=dataset, output=tmp_path / "run", start=base, on_step=kill_after(3))
    moved = base.rename(tmp_path / "moved")

    with pytest.raises(FileNotFoundError, match=r"base/pipeline, which the run began from, is not there any more"):
        train(config, dataset=dataset, output=tmp_path / "run")
    with pytest.raises(ValueError, match=r"other/pipeline has other weights than the run began from \(sha256 "):
        train(config, dataset=dataset, output=tmp_path / "run", start=other)
    finished = train(config, dataset=dataset, output=tmp_path / "run", start=moved)

    assert rest
    assert first.name in {path.name for path in other.iterdir()}
    exported = export_checkpoint(checkpoint(tmp_path / "run", 4), tmp_path / "exported")
    assert same(load_file(finished / "model.safetensors"), load_file(exported / "model.safetensors"))


def test_matrices_that_are_never_trained_are_bfloat16_and_no_step_is_another_for_it(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 5})
    half = ExecutionConfig(precision=Precision.BFLOAT16, compiles=False)
    base = train(run_config(), dataset=dataset, output=tmp_path / "base")
    alone = run_config(NEW_LAYERS, execution=half)
    followed = run_config(NEW_LAYERS, replace(NEW_LAYERS, name="II-b", trainable=Trainable.ALL), execution=half)
    kept: dict[str, list[StepReport]] = {"alone": [], "followed": []}
    for name, config in (("alone", alone), ("followed", followed)):
        train(config, dataset=dataset, output=tmp_path / name, start=base, on_step=kept[name].append)

    losses = {name: [report.loss for report in reports[:4]] for name, reports in kept.items()}
    assert losses["alone"] == losses["followed"]
    ends = [read_tensors(checkpoint(tmp_path / name, 4)) for name in ("alone",)]
    assert {tensor.dtype for tensor in ends[0].values()} == {torch.float32}
    model = Team(CPU).prepare(empty_model_of(alone), half, is_trained=alone.training.trains)
    sizes = {name: parameter.dtype for name, parameter in model.named_parameters()}
    shrunk = {name for name, dtype in sizes.items() if dtype is torch.bfloat16}
    assert {name for name in sizes if "self_attention.to_" in name or ".mlp." in name} <= shrunk
    assert not any(Trainable.NEW_LAYERS.admits(name) or "modulation" in name for name in shrunk)


def test_a_run_cannot_be_made_shorter_than_it_is(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()
    train(config, dataset=dataset, output=tmp_path)

    with pytest.raises(ValueError, match="at step 6, after the 3 steps of this config"):
        train(run_config(replace(config.training.phases[0], steps=3)), dataset=dataset, output=tmp_path)


def test_training_starts_from_the_weights_of_a_pipeline(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(ema_decay=None)
    first = train(config, dataset=dataset, output=tmp_path / "first")
    still = replace(config, training=replace(config.training, optimizer=OptimizerConfig(learning_rate=0.0)))

    second = train(still, dataset=dataset, output=tmp_path / "second", start=first)

    assert same(load_file(first / "model.safetensors"), load_file(second / "model.safetensors"))


def test_training_does_not_start_from_a_pipeline_of_another_config(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()
    first = train(config, dataset=dataset, output=tmp_path / "first")
    other = replace(config, pipeline=replace(config.pipeline, flow=FlowConfig(base_shift=2.0)))

    with pytest.raises(ValueError, match=r"first/pipeline needs another config: flow\.base_shift is 2\.0, expected 1"):
        train(other, dataset=dataset, output=tmp_path / "second", start=first)


def test_a_personal_fine_tune_changes_only_its_adapters_and_ends_as_a_plain_pipeline(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()
    base = train(config, dataset=dataset, output=tmp_path / "base")
    phase = TrainingPhase(name="personal", steps=4, trainable=Trainable.ADAPTERS)
    personal = run_config(phase, lora=LoraConfig(rank=2), checkpoint_every_steps=2)

    with pytest.raises(KilledError):
        train(personal, dataset=dataset, output=tmp_path / "killed", start=base, on_step=kill_after(3))
    resumed = train(personal, dataset=dataset, output=tmp_path / "killed", start=base)
    tuned = train(personal, dataset=dataset, output=tmp_path / "tuned", start=base)
    exported = export_checkpoint(checkpoint(tmp_path / "tuned", 4), tmp_path / "exported")

    before, after = load_file(base / "model.safetensors"), load_file(tuned / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert changed
    assert all(name.split(".")[-2] in personal.pipeline.model.lora_layers for name in changed)
    assert same(after, load_file(resumed / "model.safetensors"))
    for adapters in (tuned / "lora", exported / "lora"):
        loaded = Pipeline.from_pretrained(base)
        loaded.load_lora(adapters)
        assert same(after, dict(loaded.model.state_dict()))
        with pytest.raises(ValueError, match=r"were trained on other weights .* than those of .*tuned/pipeline"):
            Pipeline.from_pretrained(tuned).load_lora(adapters)


def test_adapters_need_a_trained_model_and_a_phase_of_their_own(make_dataset: MakeDataset, tmp_path: Path) -> None:
    phase = TrainingPhase(name="personal", steps=4, trainable=Trainable.ADAPTERS)

    with pytest.raises(ValueError, match="training has lora, but no pipeline to start from"):
        train(run_config(phase, lora=LoraConfig()), dataset=make_dataset({SMALL: 5}), output=tmp_path)
    with pytest.raises(ValueError, match="phase personal trains adapters without lora"):
        run_config(phase)
    with pytest.raises(ValueError, match="phase joint trains all with lora"):
        run_config(lora=LoraConfig())


def test_training_from_the_cache_decodes_no_video_and_takes_the_same_steps_but_for_rounding(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, plain = make_dataset({SMALL: 5}), run_config(checkpoint_every_steps=2)
    cached = run_config(checkpoint_every_steps=2, data=replace(plain.training.data, uses_cache=True))
    train(plain, dataset=dataset, output=tmp_path / "plain")
    with pytest.raises(ValueError, match="make cache"):
        train(cached, dataset=dataset, output=tmp_path / "cached")
    write_cache(SampleStore(dataset), plain.pipeline.encoders.build(), device=CPU)
    with pytest.raises(KilledError):
        train(plain, dataset=dataset, output=tmp_path / "cached", on_step=kill_after(3))

    monkeypatch.setattr("modeling.data.clips.decode_clip", lambda *_, **__: pytest.fail("a video was decoded"))
    train(cached, dataset=dataset, output=tmp_path / "cached")

    losses = [[line["loss"] for line in metrics(tmp_path / name)] for name in ("plain", "cached")]
    assert len(losses[1]) == 6
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[1] != losses[0]


def test_a_period_of_zero_steps_never_ends(make_dataset: MakeDataset, tmp_path: Path) -> None:
    never = {"log_every_steps": 0, "reference_gain_every_steps": 0, "checkpoint_every_steps": 0}

    train(run_config(**never), dataset=make_dataset({SMALL: 5}), output=tmp_path)

    assert metrics(tmp_path) == []
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000006"]


def test_two_trainings_do_not_write_one_output(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()

    def second(_: StepReport) -> None:
        train(config, dataset=dataset, output=tmp_path / "run")

    with pytest.raises(BusyError, match=r"run is being written by another training; wait for its end, or choose"):
        train(config, dataset=dataset, output=tmp_path / "run", on_step=second)

    assert train(config, dataset=dataset, output=tmp_path / "run").is_dir()


def test_a_run_does_not_go_on_with_other_data_unless_it_is_told_to(
    make_dataset: MakeDataset, make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()
    train(config, dataset=dataset, output=tmp_path / "run")
    write_shard(dataset / "samples" / "more.parquet", [make_sample(77, SMALL, tmp_path)])
    phase = replace(config.training.phases[0], steps=8)

    with pytest.raises(ValueError, match=r"trained on 5 clips of .*, and this is 6 clips of .*accepts_other_data"):
        train(run_config(phase), dataset=dataset, output=tmp_path / "run")
    train(run_config(phase, accepts_other_data=True), dataset=dataset, output=tmp_path / "run")
    train(run_config(phase), dataset=dataset, output=tmp_path / "run")

    assert metrics(tmp_path / "run")[-1]["step"] == 8


def test_a_checkpoint_that_does_not_say_what_it_saw_is_gone_on_from_with_a_warning(
    make_dataset: MakeDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config()
    train(config, dataset=dataset, output=tmp_path)
    (checkpoint(tmp_path, 6) / "data.json").unlink()

    train(run_config(replace(config.training.phases[0], steps=7)), dataset=dataset, output=tmp_path)

    assert "does not say what it was trained on" in caplog.text


def test_a_run_that_takes_no_step_any_more_stops(make_dataset: MakeDataset, tmp_path: Path) -> None:
    trainer = Trainer(run_config(), SampleStore(make_dataset({SMALL: 5})), output=tmp_path, team=Team(CPU))
    trainer.model.get_submodule("to_velocity").register_forward_hook(
        lambda *_: torch.full((4, 12, 64), torch.nan, requires_grad=True)
    )

    for step in range(5):
        trainer.record(trainer.step(trainer.loader.batch(step)))

    named = ", ".join(example.clip_id for example in trainer.loader.batch(5).examples)
    lost = rf"the last 6 steps up to 6 .*not finite.* clips of the last, {named}, and .*learning_rate"
    with pytest.raises(ValueError, match=lost):
        trainer.record(trainer.step(trainer.loader.batch(5)))
    with pytest.raises(ValueError, match=lost):
        trainer.finish()


def test_what_the_text_encoder_does_not_read_is_said_before_the_first_step_or_refused(
    make_dataset: MakeDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, dataset = run_config(), make_dataset({SMALL: 5})
    short = replace(config.pipeline, encoders=replace(tiny().pipeline.encoders, max_text_tokens=2))
    lenient = replace(config.training, data=replace(config.training.data, most_unread_references=1.0))

    with pytest.raises(ValueError, match=r"of 5 captions 5 are cut, and of 20 reference images 5 lose their word"):
        train(replace(config, pipeline=short), dataset=dataset, output=tmp_path)
    train(RunConfig(pipeline=short, training=lenient), dataset=dataset, output=tmp_path)

    assert "of 5 captions 5 are cut" in caplog.text


@pytest.mark.parametrize("draws_references", [True, False])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_model_that_takes_few_images_trains(
    make_sample: Callable[..., Sample],
    make_two_subjects: Callable[[Sample], Sample],
    tmp_path: Path,
    most: int,
    draws_references: bool,
) -> None:
    samples = [make_two_subjects(make_sample(number, SMALL, tmp_path)) for number in range(4)]
    write_shard(tmp_path / "dataset" / "samples" / "part-00000.parquet", samples)
    plain = run_config(TrainingPhase(name="joint", steps=2, trainable=Trainable.ALL))
    data = replace(plain.training.data, draws_references=draws_references, image_dropout=0.0)
    config = replace(
        plain,
        pipeline=replace(plain.pipeline, model=replace(plain.pipeline.model, max_images=most)),
        training=replace(plain.training, data=data),
    )
    loader = BatchLoader(SampleStore(tmp_path / "dataset"), data, seed=0, max_images=most, latents=LatentGeometry())

    train(config, dataset=tmp_path / "dataset", output=tmp_path / "run")

    assert [(line["step"], line["skipped_steps"]) for line in metrics(tmp_path / "run")] == [(1, 0), (2, 0)]
    seen = [len(example.images) for step in range(4) for example in loader.batch(step).examples]
    assert max(seen) == most
    assert min(seen) >= 1
