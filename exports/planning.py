"""What becomes of a row: the clip that will be written, or why none is. Nothing of its video is read for it."""

import json
from dataclasses import dataclass

from dataset_schema import Entity, EntityKind, Sample
from exports.binding import Bound, BoundPicture, bind, is_outside
from exports.clip import ExportedClip, ExportedPicture, ExportedVideo, File
from exports.config import ExportConfig
from exports.cutting import CutPlan, plan_cut
from exports.form import Format
from exports.pictures import Placement, placed, size_of
from exports.rectangles import rectangle_footage
from exports.refusal import Reason, Refused
from exports.target import Cutouts, Target
from storage.address import Place

# What manifests call the terms of a video; before schema 3.5 they stand among the other columns.
_LICENCE_COLUMNS = ("licence", "license")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClip:
    """A clip that will be written.

    Attributes:
        clip: its facts; files have no hash yet.
        placements: of its pictures, in order.
    """

    sample: Sample
    cut: CutPlan
    bound: Bound
    placements: tuple[Placement, ...]
    clip: ExportedClip


def expect_possible(form: Format, config: ExportConfig) -> None:
    """Refuse a config that no row of this format could fulfil.

    Raises:
        ValueError: it is.
    """
    frames, grid = config.cut.frames, form.target.grid
    if frames is not None and frames not in grid:
        raise ValueError(f"cut.frames is {frames}, expected {grid}: that is what {form.name} takes")
    captions = config.words.captions
    if captions is not None and captions not in form.target.forms:
        raise ValueError(
            f"words.captions is {captions}, expected {' or '.join(form.target.forms)}: that is what {form.name} reads"
        )


def plan_clip(sample: Sample, form: Format, config: ExportConfig, *, root: Place, has_bytes: bool) -> PlannedClip:
    """What will be written of a row.

    Raises:
        Refused: nothing.
    """
    cut = plan_cut(sample, form.target, config.cut, root=root, has_bytes=has_bytes)
    bound = bind(sample, form.target, config.words)
    group = group_name(form.target, frames=cut.frames, references=len(bound.pictures))
    pictures, placements = [], []
    for number, bound_picture in enumerate(bound.pictures, start=1):
        placement = _placement(bound_picture, sample, cut, form, config, has_bytes=has_bytes)
        name = form.picture_name(sample.clip_id, group, number)
        pictures.append(_picture(bound_picture, sample, placement, File(name=name), cutouts_of(form, config)))
        placements.append(placement)
    clip = ExportedClip(
        clip_id=sample.clip_id,
        source=sample.source,
        group=group,
        caption=bound.caption,
        original_caption=sample.caption,
        licence=_licence(sample),
        video=_video(cut, File(name=form.video_name(sample.clip_id, group))),
        pictures=tuple(pictures),
    )
    if problems := list(form.problems(form.row(clip, sample), clip)):
        raise Refused(Reason.NOT_FOR_READER, "; ".join(problems))
    return PlannedClip(sample=sample, cut=cut, bound=bound, placements=tuple(placements), clip=clip)


def group_name(target: Target, *, frames: int, references: int) -> str:
    """What a group is called: `124-frames-2-references`; nothing where all clips are one group."""
    parts = [f"{frames}-frames"] if target.groups_by_frames else []
    parts += [f"{references}-references"] if target.groups_by_references else []
    return "-".join(parts)


def _video(cut: CutPlan, file: File) -> ExportedVideo:
    return ExportedVideo(
        file=file,
        frames=cut.frames,
        num_frames=cut.num_frames,
        fps=cut.fps,
        height=cut.height,
        width=cut.width,
        has_sound=cut.has_sound,
        is_copy=cut.is_copy,
        footage="published" if cut.file is None else "source",
    )


def _placement(
    bound: BoundPicture, sample: Sample, cut: CutPlan, form: Format, config: ExportConfig, *, has_bytes: bool
) -> Placement:
    reference = bound.reference
    if reference is not None and cutouts_of(form, config) is Cutouts.RECTANGLE:
        size = rectangle_footage(reference, sample, cut, has_bytes=has_bytes).size
    else:
        size = size_of(image_of(bound, sample))
    return placed(size, form.target.pictures, longest_px=config.pictures.longest_px, clip_size=(cut.height, cut.width))


def cutouts_of(form: Format, config: ExportConfig) -> Cutouts:
    """What stands around entities."""
    return config.pictures.cutouts or form.target.cutouts


def image_of(bound: BoundPicture, sample: Sample) -> bytes:
    """The stored picture.

    Raises:
        Refused: the shard does not hold it.
    """
    if bound.reference is not None:
        payload = bound.reference.image
    elif sample.background is not None:
        payload = sample.background.image
    else:
        raise ValueError(f"clip {sample.clip_id} has no background, expected the one that was bound")
    if payload.bytes is None:
        raise Refused(Reason.UNREADABLE_PICTURE, f"its picture {payload.path} is not in the shard; curate it again")
    return payload.bytes


def _picture(
    bound: BoundPicture, sample: Sample, placement: Placement, file: File, cutouts: Cutouts
) -> ExportedPicture:
    entity: Entity | None = bound.entity
    reference = bound.reference
    return ExportedPicture(
        file=file,
        height=placement.canvas[0],
        width=placement.canvas[1],
        word="" if entity is None else entity.word,
        kind=EntityKind.BACKGROUND if entity is None else entity.kind,
        start=0 if entity is None else entity.start,
        end=0 if entity is None else entity.end,
        is_face=reference is not None and reference.is_face,
        is_outside=reference is not None and is_outside(reference, sample),
        is_transparent=cutouts is Cutouts.TRANSPARENT and reference is not None,
    )


def _licence(sample: Sample) -> str | None:
    if sample.source.licence is not None:
        return sample.source.licence
    extra = json.loads(sample.extra)
    found = (extra.get(name) for name in _LICENCE_COLUMNS if isinstance(extra, dict))
    return next((str(value) for value in found if value), None)
