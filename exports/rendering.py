"""The files of a clip: its video copied or cut, its pictures painted, and what the format puts beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dataset_schema import Sample
from exports.clip import ExportedClip, File
from exports.config import ExportConfig
from exports.content import Content, whole
from exports.cutting import published_sha256
from exports.encoding import encode, is_sound_whole
from exports.form import Format, Row
from exports.pictures import render_picture
from exports.planning import PlannedClip, cutouts_of, image_of
from exports.rectangles import cut_rectangle
from exports.refusal import Reason, Refused
from exports.target import Cutouts
from exports.unchanged import expect_unchanged
from video_reading.part import Span
from video_reading.video_error import VideoError

# Of musubi-tuner: 800 samples at 32 kHz.
_SOUND_TOLERANCE_S: Final = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedClip:
    """A clip as it is written.

    Attributes:
        clip: its facts; files have no hash yet.
        row: what the format's own files say of it.
        files: contents by name.
        digests: SHA-256 by name, of files that curation has hashed.
    """

    clip: ExportedClip
    row: Row
    files: Mapping[str, Content]
    digests: Mapping[str, str]


def render(planned: PlannedClip, video: Content | None, form: Format, config: ExportConfig) -> RenderedClip:
    """Make the files of a clip.

    Args:
        planned: what is to be written.
        video: the published one, where the shard holds it.
        form: the format.
        config: what is wanted.

    Raises:
        Refused: its video or a picture cannot be had after all.
    """
    files: dict[str, Content] = {}
    sample, facts = planned.sample, planned.clip.video
    content: Content = b""
    has_sound, is_copy = facts.has_sound, facts.is_copy
    if form.target.reads_videos:
        content, has_sound, is_copy = _video(planned, video, form)
    if form.target.writes_videos:
        files[facts.file.name] = content
    painted = _painted(planned, video, cutouts_of(form, config))
    files |= {picture.file.name: image for picture, image in zip(planned.clip.pictures, painted, strict=True)}
    clip = replace(planned.clip, video=replace(facts, has_sound=has_sound, is_copy=is_copy))
    more = form.more_files(clip, sample, content)
    clip = replace(clip, texts=tuple(File(name=name) for name in more))
    return RenderedClip(
        clip=clip,
        row={**form.row(clip, sample), **form.details(clip, sample)},
        files={**files, **more},
        digests=_digests(clip, sample),
    )


def _digests(clip: ExportedClip, sample: Sample) -> dict[str, str]:
    """That of the video, where its row tells it."""
    known = published_sha256(sample) if clip.video.is_copy else None
    return {} if known is None else {clip.video.file.name: known}


def _video(planned: PlannedClip, published: Content | None, form: Format) -> tuple[Content, bool, bool]:
    """The video, whether it has sound, and whether it is the published one."""
    cut = planned.cut
    if cut.file is not None:
        expect_unchanged(cut.file, planned.sample.source)
    if cut.is_copy and published is None:
        raise Refused(Reason.NO_VIDEO, "its video is not in the shard any more; curate it again")
    if cut.is_copy and published is not None:
        if not (cut.has_sound and form.target.needs_whole_sound):
            return published, cut.has_sound, True
        published = whole(published)
        if _is_sound_whole(published):
            return published, cut.has_sound, True
        grid_fps = form.target.grid.fps or cut.fps
        height, width = cut.height // 2 * 2, cut.width // 2 * 2  # the encoder takes even sides
        cut = replace(cut, span=Span(), is_copy=False, fps=grid_fps, num_frames=cut.frames, height=height, width=width)
    encoded = encode(cut, published)
    return encoded.mp4, encoded.has_sound, False


def _is_sound_whole(content: bytes) -> bool:
    try:
        return is_sound_whole(content, tolerance_s=_SOUND_TOLERANCE_S)
    except VideoError as error:
        raise Refused(Reason.UNREADABLE_VIDEO, f"its video {error}") from error


def _painted(planned: PlannedClip, video: Content | None, cutouts: Cutouts) -> Iterator[bytes]:
    for bound, placement in zip(planned.bound.pictures, planned.placements, strict=True):
        if bound.reference is not None and cutouts is Cutouts.RECTANGLE:
            content = cut_rectangle(bound.reference, planned.sample, planned.cut, video)
        else:
            content = image_of(bound, planned.sample)
        is_transparent = cutouts is Cutouts.TRANSPARENT and bound.reference is not None
        is_cutout = bound.reference is not None and bound.reference.mask_score is not None
        yield render_picture(content, placement, is_transparent=is_transparent, is_cutout=is_cutout)
