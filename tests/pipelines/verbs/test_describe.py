import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_schema import Sample, write_shard
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.training.presets import one_gpu, tiny
from pipelines.terminal import terminal
from pipelines.verbs.describe import Describe, describe

ROOT = Path(__file__).parents[3]

# A command, and the most memory that its process held, in KiB. `getrusage` would tell its parent's, if that is more.
MEASURED = """
import sys
from pathlib import Path
from pipelines.__main__ import main
status = main(sys.argv[1:])
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)
sys.exit(status)
"""


def printed(command: Describe) -> str:
    console = terminal(width=120)
    with console.capture() as capture:
        describe(command, console)
    return capture.get()


def row(text: str, first: str) -> list[str]:
    """The cells of the table line that begins so."""
    (line,) = [line for line in text.splitlines() if line.strip(" │").startswith(first)]
    return line.replace("│", " ").split()


def test_the_papers_model_is_described_in_little_memory() -> None:
    """In a process of its own, so that its memory can be seen: the weights alone would be 50 GB."""
    arguments = ["describe", "--config", "configs/train_paper.toml", "--gpus", "128"]

    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert row(done.stdout, "all")[-1] == "12,406.4"
    assert row(done.stdout, "II-a") == ["II-a", "10,000", "1,346.6", "yes"]
    assert row(done.stdout, "121x288x512")[:7] == ["121x288x512", "31x36x64", "17,856", "48", "3", "491.7", "34"]
    assert done.stdout.splitlines()[-2].startswith("It fits: 121x576x1024 needs ")
    assert done.stdout.splitlines()[-1].endswith("set data.batching.devices_per_group to a multiple of 128.")
    assert int(done.stderr) * 1024 < 2**30


def test_what_does_not_fit_is_said_with_what_to_change() -> None:
    text = printed(Describe(run=one_gpu(), memory_gib=80))

    conclusion = text.splitlines()[-1]
    assert conclusion.startswith("It does not fit: 121x576x1024 needs ")
    assert "of 80.0 GiB per device, of which 72.0 are usable; " in conclusion
    assert conclusion.endswith(".")
    assert row(text, "121x576x1024")[-1] == "no"


def test_a_dataset_shows_its_clips_also_of_sizes_that_are_not_in_table_6(
    make_sample: Callable[[int], Sample], tmp_path: Path
) -> None:
    samples = [make_sample(index) for index in range(3)]
    larger = replace(samples[2], bucket="17x144x256")
    write_shard(tmp_path / "samples" / "part-00000.parquet", [*samples[:2], larger])
    run = tiny()
    any_size = replace(run, training=replace(run.training, data=replace(run.training.data, buckets=())))

    text = printed(Describe(run=any_size, dataset=tmp_path))

    every, one = row(text, "25x96x160"), row(text, "17x144x256")
    assert every[:3] + every[4:5] == ["25x96x160", "7x12x20", "3", "420"]
    assert one[:3] + one[4:5] == ["17x144x256", "5x18x32", "1", "720"]
    batch, steps = int(every[5]), any_size.training.steps
    share = (1 / 18) / (1 / 18 + 0.1)  # Table 6's average beside its 10 %
    assert float(every[3].replace(",", "")) == pytest.approx(steps * share * batch / 3, rel=0.01)
    assert "The run shows each of 3 clips " in text


def test_a_dataset_without_clips_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no samples"):
        describe(Describe(dataset=tmp_path))


def test_a_fine_tune_trains_the_weights_of_its_adapters() -> None:
    run = tiny()
    phase = replace(run.training.phases[0], trainable=Trainable.ADAPTERS)
    tuned = replace(run, training=replace(run.training, phases=(phase,), lora=LoraConfig(rank=16)))

    # Rank 16 beside 192 -> 576 (qkv), twice 192 -> 192 (queries) and 64 -> 384 (keys, values), three times 192 -> 192.
    by_hand = 3 * 16 * ((192 + 576) + 2 * (192 + 192) + 2 * (64 + 384) + 3 * (192 + 192))
    assert row(printed(Describe(run=tuned)), "joint")[2] == f"{by_hand / 1e6:.1f}" != "0.0"
