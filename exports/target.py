"""What a trainer's reader asks of the clips it is given, as far as clips are cut and bound by it."""

from dataclasses import dataclass, field
from enum import StrEnum

from exports.grids import FrameGrid


class CaptionForm(StrEnum):
    """How a caption names its pictures."""

    AS_WRITTEN = "as_written"  # not at all
    PICTURES = "pictures"  # <Picture k> behind the word
    SECTIONS = "sections"  # the six sections of MiniMax-H3's prompts, with <Subject n> and <Picture k>
    IMAGES = "images"  # <Image k> is declared, then stands for the word


class Cutouts(StrEnum):
    """What stands around an entity in its picture."""

    WHITE = "white"
    TRANSPARENT = "transparent"
    RECTANGLE = "rectangle"  # what was there in the frame


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureNeeds:
    """What a reader does to pictures, and what has to be done before.

    Attributes:
        least_side: smaller pictures are enlarged, at most twice, and padded.
        most_aspect: of the long side to the short one; thinner pictures are padded.
        has_aspect_of_clip: the reader scales to cover the clip's size and crops: whatever has another aspect is padded.
    """

    least_side: int = 1
    most_aspect: float = 100.0
    has_aspect_of_clip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a reader asks.

    Attributes:
        grid: frame counts.
        resamples: the reader brings any video to the grid's pace by its timestamps.
        divisor: of height and width, of a clip that is cut anew; a reader fits others itself.
        uses_sound: sound is trained on where there is some.
        needs_whole_sound: sound that is shorter than its video stops the reader.
        least_references: without so many a row is no row.
        most_references: what is more is left out, objects before subjects.
        references_per_entity: as many as are usual. Our choice: one, because several pictures of one thing came out as
            two things (Phantom, issue 45).
        forms: of captions, the usual one first.
        cutouts: what usually stands around an entity.
        pictures: what pictures need.
        writes_videos: without, none is written.
        reads_videos: without, none is looked at either.
        takes_masks: pictures are looked at for their masks, whether or not they are written.
        groups_by_references: a reader wants the same number of them in every row of a dataset.
        groups_by_frames: likewise frames.
    """

    grid: FrameGrid
    resamples: bool = False
    divisor: int = 2
    uses_sound: bool = False
    needs_whole_sound: bool = False
    least_references: int = 1
    most_references: int = 1
    references_per_entity: int = 1
    forms: tuple[CaptionForm, ...] = (CaptionForm.AS_WRITTEN,)
    cutouts: Cutouts = Cutouts.WHITE
    pictures: PictureNeeds = field(default_factory=PictureNeeds)
    writes_videos: bool = True
    reads_videos: bool = True
    takes_masks: bool = False
    groups_by_references: bool = False
    groups_by_frames: bool = False

    @property
    def has_pictures(self) -> bool:
        """Whether pictures are needed at all."""
        return self.most_references > 0 or self.takes_masks
