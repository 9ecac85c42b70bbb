"""How to read the input."""

from dataclasses import dataclass, field

from storage.configs import UNDECISIVE, strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesConfig:
    """How to read the input.

    Column names count without outer blanks and case. A column that only looks like one of these stops the run, unless
    it is named here, or the name here is empty: then there is no such column, whatever the others are called.

    Attributes:
        caption: for videos that come without one; None leaves them without, and they are rejected.
        video_column: path or file:// URI, relative to the manifest's folder.
        caption_column: the caption; the column may be absent where `caption` or side-car files stand in.
        start_column: start of the span in seconds of presentation time; may be absent or empty.
        end_column: end of the span, not included; may be absent or empty.
        id_column: a name of your own for each row; may be absent.
        licence_column: under which terms the video may be used, as it is to be passed on; may be absent, and spelt
            `license`. So may the next two be absent.
        consent_column: that of the people in it, in your own words, such as the number of a release.
        rights_holder_column: whose video it is.
    """

    caption: str | None = None
    video_column: str = "video"
    caption_column: str = "caption"
    start_column: str = "start_s"
    end_column: str = "end_s"
    id_column: str = "id"
    licence_column: str = field(default="licence", metadata=UNDECISIVE)
    consent_column: str = field(default="consent", metadata=UNDECISIVE)
    rights_holder_column: str = field(default="rights_holder", metadata=UNDECISIVE)

    def __post_init__(self) -> None:
        if not self.video_column.strip():
            raise ValueError("video_column is empty, expected the name of the column with the videos")
