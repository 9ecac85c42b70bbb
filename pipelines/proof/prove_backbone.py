"""`prove-backbone`: the same proof on a frozen published backbone, of which only the new layers are trained."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.config import parse
from pipelines.proof.prove import Prove, prove
from pipelines.written_places import WRITES_FOLDER

BACKBONE_PRESET: Final = Path(__file__).parents[2] / "configs" / "prove_backbone_cpu.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveBackbone(Prove):
    """Show that new layers on a frozen backbone personalize it.

    A small Wan is taught the world without references and published in diffusers' form; from there on it is frozen,
    and only word binding and the personalization layers are trained. Run it again after an interruption: what is
    finished is not done again. Example:
    python -m pipelines prove-backbone --dataset out/proof --output out/proof-backbone
    """

    output: Path = field(default=Path("out/proof-backbone"), metadata=WRITES_FOLDER)


def main(arguments: Sequence[str]) -> int:
    """Prove; the exit status is 1 if a goal is missed."""
    return prove(parse(ProveBackbone, arguments, verb="prove-backbone", preset=BACKBONE_PRESET))
