"""The part of the frame that a reference was cut from, with what stands around the entity."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from dataset_schema import Box, ReferenceImage, Sample
from exports.binding import is_outside
from exports.content import Content, whole
from exports.cutting import CutPlan, is_cut, source_place
from exports.placing import covered
from exports.refusal import Reason, Refused
from exports.unchanged import expect_unchanged
from storage.address import Place
from video_reading.clip import open_clip
from video_reading.look import Look
from video_reading.part import Span, VideoPart
from video_reading.video_error import VideoError

# Of what is opened to see one frame.
_ENOUGH_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """Where the frame of a reference is shown.

    Attributes:
        file: None is the published bytes.
        time_s: in the file.
        box: in pixels of the clip as it was curated.
    """

    file: Place | None
    time_s: float
    box: Box

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in those pixels."""
        return max(1, round(self.box.y1 - self.box.y0)), max(1, round(self.box.x1 - self.box.x0))


def rectangle_footage(reference: ReferenceImage, sample: Sample, plan: CutPlan, *, has_bytes: bool) -> Rectangle:
    """Where the frame is, as far as the row says it.

    Raises:
        Refused: nothing that is at hand shows it.
    """
    time_s, box = reference.time_s, reference.box
    if time_s is None or box is None:
        raise Refused(
            Reason.NO_RECTANGLE,
            "nothing is known of where a given picture was cut from; write cut-outs on white",
        )
    if plan.file is not None:
        return Rectangle(file=plan.file, time_s=time_s, box=box)
    if not is_cut(sample):
        return Rectangle(file=None, time_s=time_s, box=box)
    if (source := source_place(sample)) is not None:
        return Rectangle(file=source, time_s=time_s, box=box)  # the cut is smaller, and may lack what the box shows
    start_s = sample.source.start_s or 0.0
    if is_outside(reference, sample) or not has_bytes or not _is_within_cut(box, sample):
        raise Refused(
            Reason.NO_RECTANGLE,
            f"a picture was cut at {time_s:.2f} s out of a frame that the published cut does not show, and its source "
            "is gone; write cut-outs on white",
        )
    return Rectangle(file=None, time_s=max(0.0, time_s - start_s), box=box)


def cut_rectangle(reference: ReferenceImage, sample: Sample, plan: CutPlan, video: Content | None) -> bytes:
    """The reference's box in the frame that it was cut from, or the next one of the published cut, as PNG.

    Raises:
        Refused: where it stands is not known, or the footage does not show it.
    """
    where = rectangle_footage(reference, sample, plan, has_bytes=video is not None)
    if where.file is not None:
        expect_unchanged(where.file, sample.source)
    file = where.file if where.file is not None else whole(video or b"")
    try:
        with open_clip(VideoPart(file=file, span=Span(start_s=where.time_s or None)), enough_s=_ENOUGH_S) as clip:
            shown = next(iter(clip.frames), None)
            if shown is None:
                raise Refused(Reason.NO_RECTANGLE, f"its video shows no frame at {where.time_s:.2f} s")
            look = Look.of(shown.frame, clip.video.sample_aspect)
            image = look.painter(*look.size)(shown.frame)
    except VideoError as error:
        raise Refused(Reason.NO_RECTANGLE, f"the frame of a picture cannot be had: its video {error}") from error
    top, left, bottom, right = covered(where.box, sample, look.size)
    image = image[max(0, top) : bottom, max(0, left) : right]
    written = io.BytesIO()
    Image.fromarray(image).save(written, "PNG", compress_level=1)
    return written.getvalue()


def _is_within_cut(box: Box, sample: Sample) -> bool:
    top, left, bottom, right = covered(box, sample, (sample.height, sample.width))
    is_cropped = top < -1 or left < -1 or bottom > sample.height + 1 or right > sample.width + 1
    return not is_cropped
