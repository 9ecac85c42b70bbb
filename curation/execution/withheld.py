"""What a run keeps out of a dataset although its stages would let it in."""

from dataclasses import dataclass, field

from curation.opt_outs import OptOuts


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What does not come in.

    Attributes:
        opt_outs: clips of these. One that turns out to be such ends there, also in a run that scores every clip.
        thumbnails: the pictures of rejected clips.
    """

    opt_outs: OptOuts = field(default_factory=OptOuts)
    thumbnails: bool = False
