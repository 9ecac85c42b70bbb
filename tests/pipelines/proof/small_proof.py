"""A proof on a few clips, and what it wrote."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dataset_schema import Bucket
from worlds.sprites import ClipTruth, read_truth

BUCKET = Bucket.parse("9x48x96")

# With this seed curation keeps all four held-out clips, and the last shows two subjects of one word.
SEED = "2"
TINY = [
    *("--seed", SEED, "--world.clips", "6", "--held-out", "4", "--candidates", "4", "--sampling.steps", "2"),
    *("--run.training.phases.0.steps", "2", "--run.training.phases.0.warmup-steps", "1"),
    *("--run.training.phases.1.steps", "1", "--run.training.phases.1.warmup-steps", "1"),
    *("--run.training.phases.2.steps", "2", "--run.training.phases.2.warmup-steps", "1"),
    *("--run.training.phases.2.cooldown-steps", "1", "--run.training.data.batching.tokens-per-device", "216"),
    *("--run.training.reference-gain-every-steps", "1"),
]


@dataclass(frozen=True)
class Proof:
    """A finished proof, and the exit status of the command."""

    output: Path
    status: int

    def written(self) -> dict[str, int]:
        """When every file was written last."""
        files = (path for path in self.output.rglob("*") if path.is_file())
        return {str(path.relative_to(self.output)): path.stat().st_mtime_ns for path in files}

    def figures(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", json.loads((self.output / "figures.json").read_text()))


def truths(folder: Path) -> list[ClipTruth]:
    return [read_truth(path) for path in sorted((folder / "world" / "truth").glob("*.json"))]
