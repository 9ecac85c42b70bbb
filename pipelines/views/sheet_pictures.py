"""The pictures on a contact sheet: frames of a published clip, outlines of its masks, reference images."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from dataset_schema import Payload, ReferenceImage, Sample
from picture_reading.opening import open_picture
from pipelines.views.colors import KIND_COLORS
from storage.places import place_of
from video_reading.chosen_frames import chosen_frames
from video_reading.clip import open_clip
from video_reading.look import Look
from video_reading.part import Span, VideoPart
from video_reading.video_error import VideoError

Picture = npt.NDArray[np.uint8]  # (height, width, 3), RGB

_CHECKER_SIDE: Final = 8
_CHECKER_GREYS: Final = (232, 208)
_OUTLINE: Final = 2
_SAME_TIME_S: Final = 0.001  # timestamps are rounded
_LATE_S: Final = 0.001  # timestamps are rounded
_LONG_ON_SHOW_S: Final = 1.0  # a frame that began earlier than this is hardly still the one on show


def shown_times_s(sample: Sample) -> list[float]:
    """Three presentation times in the source: those of the reference frames, filled up with first, middle and last.

    References may come from another time of the shot than the clip; the video does not show those.
    """
    start_s = sample.source.start_s or 0.0
    length_s = max(0, sample.num_frames - 1) / sample.fps
    of_references = (reference.time_s for entity in sample.entities for reference in entity.references)
    cut_from = {round(time_s, 4) for time_s in of_references if time_s is not None}  # a given picture has no time
    spare = [start_s + share * length_s for share in (0.5, 0.0, 1.0)]
    times = sorted(time_s for time_s in cut_from if start_s <= time_s < start_s + length_s + 1 / sample.fps)[:3]
    while len(times) < 3 and spare:
        times.append(max(spare, key=lambda time_s: min((abs(time_s - taken) for taken in times), default=0.0)))
        spare.remove(times[-1])
    return sorted(times)


def frames_at(sample: Sample, times_s: Sequence[float]) -> list[Picture | None]:
    """The clip's frames on show at presentation times of its source; None where the video does not give one."""
    offset_s = sample.video_start_s - (sample.source.start_s or 0.0)
    wanted_s = [time_s + offset_s for time_s in times_s]
    start_s = max(0.0, min(wanted_s) - _LONG_ON_SHOW_S)
    file = sample.video.bytes if sample.video.bytes is not None else place_of(sample.video.path or "")
    pictures: list[Picture | None] = [None] * len(wanted_s)
    part = VideoPart(file=file, span=Span(start_s=start_s or None))
    enough_s = max(wanted_s) - start_s + _LONG_ON_SHOW_S
    with suppress(VideoError, OSError, av.error.FFmpegError), open_clip(part, enough_s=enough_s) as clip:
        begun = np.searchsorted(clip.timeline.times_s, np.array(wanted_s) + _LATE_S, side="right")
        on_show = np.maximum(begun - 1, 0).tolist()  # before the first frame, the first one
        places = sorted(set(on_show))
        for place, shown in zip(places, chosen_frames(clip, places), strict=False):
            look = Look.of(shown.frame, clip.video.sample_aspect)
            picture = look.painter(*look.size)(shown.frame)
            pictures = [picture if each == place else before for each, before in zip(on_show, pictures, strict=True)]
    return pictures


def outlined_frames(sample: Sample) -> list[tuple[float, Picture | None]]:
    """Presentation times, and the frames of them with the outlines of the masks that were cut from each."""
    times_s = shown_times_s(sample)
    found: list[tuple[float, Picture | None]] = []
    for time_s, frame in zip(times_s, frames_at(sample, times_s), strict=True):
        here = [
            (reference, KIND_COLORS[entity.kind])
            for entity in sample.entities
            for reference in entity.references
            if reference.time_s is not None and abs(reference.time_s - time_s) < _SAME_TIME_S
        ]
        found.append((time_s, None if frame is None else outlined(frame, sample, here)))
    return found


def outlined(frame: Picture, sample: Sample, references: Sequence[tuple[ReferenceImage, str]]) -> Picture:
    """The frame with the outline of each reference's mask, and its box, in the color beside it.

    Boxes are pixels of the source's frame; a cut clip shows it scaled to cover its own size, cropped around the centre.
    """
    height, width = frame.shape[:2]
    scale = max(height / sample.media.height, width / sample.media.width)
    shift = np.array([width - sample.media.width * scale, height - sample.media.height * scale]) / 2
    drawn = frame.copy()
    thickness = max(1, round(_OUTLINE * max(height, width) / 300))
    for reference, color in references:
        box = reference.box
        if box is None:
            continue
        corners = np.array([[box.x0, box.y0], [box.x1, box.y1]]) * scale + shift
        (x0, y0), (x1, y1) = np.round(corners).astype(int).tolist()
        rgb = ImageColor.getrgb(color)[:3]
        cv2.rectangle(drawn, (x0, y0), (x1 - 1, y1 - 1), rgb, max(1, thickness // 2))
        picture = read_image(reference.image)
        if picture is None or reference.is_face or x1 <= x0 or y1 <= y0:
            continue
        alpha = np.asarray(picture.resize((x1 - x0, y1 - y0)).getchannel("A"))
        contours, _ = cv2.findContours(
            (alpha > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(x0, y0)
        )
        cv2.drawContours(drawn, contours, -1, rgb, thickness)
    return drawn


def read_image(payload: Payload) -> Image.Image | None:
    """The picture in RGBA, or None where it cannot be read."""
    try:
        return open_picture(payload.bytes if payload.bytes is not None else payload.path or "")
    except ValueError:
        return None


def on_checkerboard(image: Image.Image) -> Image.Image:
    """The picture with a checkerboard where it is transparent."""
    rows, columns = np.mgrid[0 : image.height, 0 : image.width] // _CHECKER_SIDE
    board = np.where((rows + columns) % 2, *_CHECKER_GREYS).astype(np.uint8)
    canvas = Image.fromarray(board).convert("RGBA")
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")
