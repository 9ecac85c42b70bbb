"""How many block calls run compiled in real training over the phases of Table 6, and by how many graphs.

    python -m benchmarks.block_graphs [--steps 14]

Each run is `train()` with three buckets, two of several clips a batch and one of a single clip, captions and reference
images of every number, self-conditioning in nine steps of ten, dropped conditions, the reference gain and samples. A
compiler that only counts stands in for torch's, which makes code of the same graphs; so what is counted here holds for
every machine, and nothing is said about speed.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from torch import Tensor, fx, nn

from benchmarks.measuring import machine
from benchmarks.sprite_dataset import write_sprite_dataset
from dataset_schema import Bucket
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.encoders import EmbeddedEncoders
from modeling.model.dit import Block, DiTConfig
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.denoising import DenoisingConfig
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.config import RunConfig, TrainingConfig, TrainingPhase, ValidationConfig
from modeling.training.loop import train
from modeling.training.parallel import ExecutionConfig
from modeling.training.run_log import StepReport

SEED: Final = 0
CLIPS: Final = 8
BUCKETS: Final = (Bucket(17, 64, 112), Bucket(25, 64, 112), Bucket(49, 96, 160))  # of 140, 196 and 780 tokens
TOKENS_PER_DEVICE: Final = 600  # 4, 3 and 1 clips


@dataclass
class Count:
    """Of one training phase.

    Attributes:
        calls: of a block.
        compiled: those that ran one of the graphs.
        graphs: that were made.
    """

    calls: int = 0
    compiled: int = 0
    graphs: int = 0


@dataclass
class Counts:
    """A compiler that leaves every graph as it is, and counts."""

    total: Count = field(default_factory=Count)
    _ran_graph: bool = False

    def __call__(self, graph: fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        """Make one."""
        self.total.graphs += 1

        def run(*inputs: object) -> object:
            self._ran_graph = True
            return graph.forward(*inputs)

        return run

    def called(self, call: Callable[[], Tensor]) -> Tensor:
        """Call a block."""
        self._ran_graph = False
        tokens = call()
        self.total.calls += 1
        self.total.compiled += self._ran_graph
        return tokens


@contextmanager
def counting(kind: type[nn.Module] = Block) -> Iterator[Counts]:
    """Within it every block of a kind that is compiled is counted."""
    counts, call = Counts(), kind.__call__
    before = torch.compiler.get_default_backend()
    torch.compiler.reset()
    torch.compiler.set_default_backend(counts)
    kind.__call__ = lambda *inputs, **named: counts.called(lambda: call(*inputs, **named))  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        kind.__call__ = call  # type: ignore[method-assign]
        torch.compiler.set_default_backend(before)


def three_phases(steps: int) -> tuple[TrainingPhase, ...]:
    """Those of Table 6."""
    return (
        TrainingPhase(name="I", steps=steps, trainable=Trainable.BACKBONE, uses_references=False),
        TrainingPhase(name="II-a", steps=steps, trainable=Trainable.NEW_LAYERS),
        TrainingPhase(name="II-b", steps=steps, trainable=Trainable.ALL),
    )


def adapters(steps: int) -> tuple[TrainingPhase, ...]:
    """A personal fine-tune."""
    return (TrainingPhase(name="adapters", steps=steps, trainable=Trainable.ADAPTERS),)


def run_config(phases: tuple[TrainingPhase, ...], *, recomputes: bool, lora: LoraConfig | None = None) -> RunConfig:
    """A small model of three blocks."""
    encoders = EmbeddedEncoders(text_channels=64, max_text_tokens=64, image_channels=64, image_side=32, patch_side=8)
    model = DiTConfig(width=32, blocks=3, heads=2, text_channels=64, image_channels=64)
    return RunConfig(
        pipeline=PipelineConfig(model=model, encoders=encoders),
        training=TrainingConfig(
            phases=phases,
            data=DataConfig(
                buckets=BUCKETS,
                batching=BatchingConfig(tokens_per_device=TOKENS_PER_DEVICE, devices_per_group=1),
            ),
            execution=ExecutionConfig(precision=Precision.FLOAT32, recomputes_activations=recomputes, compiles=True),
            validation=ValidationConfig(every_steps=phases[0].steps, sampling=DenoisingConfig(steps=2)),
            reference_gain_every_steps=phases[0].steps // 2,
            checkpoint_every_steps=0,
            ema_decay=None,
            lora=lora,
        ),
    )


def graphs_by_phase(
    config: RunConfig, dataset: Path, output: Path, start: Path | None = None, *, kind: type[nn.Module] = Block
) -> dict[str, Count]:
    """Train, and count each phase."""
    found: dict[str, Count] = {}
    with counting(kind) as counts:

        def add(report: StepReport) -> None:
            step, counts.total = counts.total, Count()
            phase = found.setdefault(report.training_phase, Count())
            phase.calls += step.calls
            phase.compiled += step.compiled
            phase.graphs += step.graphs

        train(config, dataset=dataset, output=output, start=start, on_step=add)
    return found


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=14, help="of every training phase")
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    runs = {
        "three phases, activations recomputed": run_config(three_phases(steps), recomputes=True),
        "three phases, activations kept": run_config(three_phases(steps), recomputes=False),
        "adapters": run_config(adapters(steps), recomputes=True, lora=LoraConfig(rank=4, alpha=4.0)),
    }
    print(machine(["torch"], seed=SEED))
    print(f"{steps} steps a phase, 3 blocks, {', '.join(map(str, BUCKETS))}\n")
    print(f"{'':40}{'phase':>10}{'block calls':>14}{'compiled':>10}{'graphs':>8}")
    with TemporaryDirectory() as folder:
        dataset, start = Path(folder) / "dataset", None
        write_sprite_dataset(dataset, clips=CLIPS)
        for name, config in runs.items():
            output = Path(folder) / name
            found = graphs_by_phase(config, dataset, output, start if config.training.lora else None)
            start = output / "pipeline"
            for phase, count in found.items():
                print(f"{name:40}{phase:>10}{count.calls:14}{count.compiled:10}{count.graphs:8}", flush=True)


if __name__ == "__main__":
    main()
