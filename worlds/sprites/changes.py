"""When a subject of a world changes how it is shown, and whether its caption says so."""

from dataclasses import dataclass

from storage.configs import strict
from storage.numbers import expect_at_least
from worlds.chances import Rng, chance, choose
from worlds.sprites.clip_plan import expect_shares
from worlds.sprites.states import SIDES, Change, State


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesConfig:
    """What changes, and how often one is told.

    Attributes:
        kinds: what changes; nothing, and all pictures of a subject show it alike.
        told_share: how often a caption says which side of a change it shows, of each change by itself. What a caption
            leaves out a model can only take from a picture.
        every_frames: how long a state lasts. Then another is drawn, which may come out the same, and the subject goes
            its way once more. The caption is about the first.
    """

    kinds: tuple[Change, ...] = ()
    told_share: float = 0.5
    every_frames: int = 9

    def __post_init__(self) -> None:
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"changes has kinds {', '.join(self.kinds)}, expected each of them once")
        expect_shares(told_share=self.told_share)
        expect_at_least(2, "changes", self, "every_frames")

    def draw_state(self, rng: Rng) -> State:
        """One of them, all equally likely."""
        return tuple(choose(rng, SIDES[kind]) for kind in self.kinds)

    def draw_told(self, rng: Rng, state: State) -> State:
        """The part of a state that a caption tells."""
        return tuple(word for word in state if chance(rng, self.told_share))

    def lengths(self, frames: int) -> list[int]:
        """How many frames each state of a clip lasts."""
        if not self.kinds:
            return [frames]
        return [min(self.every_frames, frames - start) for start in range(0, frames, self.every_frames)]
