"""What is wanted of an export, whatever its format."""

from dataclasses import dataclass, field

from exports.binding import WordsConfig
from exports.cutting import CutConfig
from exports.pictures import PicturesConfig
from storage.configs import UNDECISIVE, strict
from storage.numbers import expect_at_least


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """What is written, and how.

    Attributes:
        cut: which frames of the clips.
        words: which pictures, and how captions name them.
        pictures: how pictures look.
        workers: processes that cut clips and paint pictures.
    """

    cut: CutConfig = field(default_factory=CutConfig)
    words: WordsConfig = field(default_factory=WordsConfig)
    pictures: PicturesConfig = field(default_factory=PicturesConfig)
    workers: int = field(default=1, metadata=UNDECISIVE)

    def __post_init__(self) -> None:
        expect_at_least(1, "export", self, "workers")
