"""Whether people who looked at the same clips say the same: how far their labels can be trusted at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from curation.content_training.labels import ClipLabel, votes_by_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of the clips that at least two people labelled.

    Attributes:
        annotators: people who labelled anything.
        clips: with labels of at least two people.
        pairs: of two labels of one clip.
        share: of these pairs that name the same class; None if there are no pairs.
        kappa: Fleiss' kappa, the share beyond what chance would give: 1 is full agreement, 0 is chance. With unequal
            numbers of annotators every pair counts the same. None where chance alone would agree always.
    """

    annotators: int
    clips: int
    pairs: int
    share: float | None
    kappa: float | None

    def __str__(self) -> str:
        """In one sentence."""
        people = f"{self.annotators} annotator{'s' * (self.annotators != 1)}"
        if self.share is None:
            return f"{people}; no clip has labels of two, so their agreement is unknown"
        kappa = "undefined (one class only)" if self.kappa is None else f"{self.kappa:.2f}"
        return (
            f"{people}; {self.clips} clips have labels of at least two, who agree in {self.share:.1%} of {self.pairs} "
            f"pairs (Fleiss' kappa {kappa})"
        )


def measure_agreement(given: Sequence[ClipLabel]) -> Agreement:
    """How often two people who looked at the same clip agree."""
    shared = [votes for votes in votes_by_clip(given).values() if votes.total() > 1]
    pairs = sum(comb(votes.total(), 2) for votes in shared)
    alike = sum(comb(count, 2) for votes in shared for count in votes.values())
    share = alike / pairs if pairs else None
    return Agreement(
        annotators=len({label.annotator for label in given}),
        clips=len(shared),
        pairs=pairs,
        share=share,
        kappa=None if share is None else _kappa(share, shared),
    )


def _kappa(share: float, shared: Sequence[Counter[int]]) -> float | None:
    totals = sum(shared, Counter[int]())
    by_chance = sum((count / totals.total()) ** 2 for count in totals.values())
    return None if by_chance == 1 else (share - by_chance) / (1 - by_chance)
