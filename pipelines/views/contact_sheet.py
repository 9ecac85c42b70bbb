"""Contact sheets: what a person looks at to see whether curation works.

One sheet shows kept clips with their words, masks, references and background; the other the rejected ones with their
reasons and the failures with their errors. Each is one HTML file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from curation.rules import Policy
from dataset_schema import EntityKind, FailedClip, Payload, RejectedClip, Sample
from pipelines.views.clip_view import Bar, Verdict, caption_pieces, clip_bars, verdicts
from pipelines.views.html import html_file, picture_uri
from pipelines.views.sheet_pictures import outlined_frames, read_image

_FRAME_SIDE: Final = 480
_CROP_SIDE: Final = 200
_THUMBNAIL_SIDE: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPicture:
    """A picture and what is said below it; without an address if there is none to show."""

    name: str
    picture: str
    kind: EntityKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCard:
    """A kept clip."""

    pieces: Sequence[tuple[str, EntityKind | None]]
    facts: str
    bars: Sequence[Bar]
    frames: Sequence[ShownPicture]
    references: Sequence[ShownPicture]
    background: ShownPicture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LostCard:
    """A clip that is no sample, and why."""

    outcome: str
    source: str
    caption: str
    picture: str
    missing: str
    verdicts: Sequence[Verdict]


def kept_sheet(samples: Sequence[Sample], *, total: int, policy: Policy) -> str:
    """A sheet of kept clips: caption, scores, three frames with mask outlines, the reference images, the background.

    Args:
        samples: those that are shown.
        total: how many the dataset has.
        policy: what they were held against.
    """
    cards = [_kept_card(sample, policy) for sample in samples]
    return html_file("kept_sheet.html", title=f"Kept: {_shown(len(samples), total)}", cards=cards)


def rejected_sheet(
    rejected: Sequence[RejectedClip],
    failed: Sequence[FailedClip],
    *,
    num_rejected: int,
    num_failed: int,
    policy: Policy,
) -> str:
    """A sheet of rejected clips with their reasons, and of failures with their errors.

    `num_rejected` and `num_failed` are how many the dataset has.
    """
    sections = [
        (f"Rejected: {_shown(len(rejected), num_rejected)}", [_rejected_card(clip, policy) for clip in rejected]),
        (f"Failed: {_shown(len(failed), num_failed)}", [_failed_card(clip, policy) for clip in failed]),
    ]
    return html_file("rejected_sheet.html", sections=sections)


def _shown(count: int, total: int) -> str:
    clips = "clip" if total == 1 else "clips"
    return f"{total} {clips}" if count == total else f"the first {count} of {total} {clips}"


def _kept_card(sample: Sample, policy: Policy) -> KeptCard:
    found = [
        ShownPicture(
            name=f"{'face of ' if reference.is_face else ''}{entity.word}",
            kind=entity.kind,
            picture=_uri(reference.image, _CROP_SIDE),
        )
        for entity in sample.entities
        for reference in entity.references
    ]
    background = sample.background
    return KeptCard(
        pieces=list(caption_pieces(sample.caption, sample.entities)),
        facts=" \u00b7 ".join(
            [
                _file_name(sample.source.uri),
                f"bucket {sample.bucket}",
                f"{sample.num_frames} frames of {sample.width} x {sample.height} at {sample.fps:g} fps",
            ]
        ),
        bars=clip_bars(sample.scores, policy),
        frames=[
            ShownPicture(
                name=f"{time_s:.2f} s",
                picture="" if frame is None else picture_uri(Image.fromarray(frame), _FRAME_SIDE),
            )
            for time_s, frame in outlined_frames(sample)
        ],
        references=found,
        background=None
        if background is None
        else ShownPicture(name="background", picture=_uri(background.image, _FRAME_SIDE)),
    )


def _rejected_card(clip: RejectedClip, policy: Policy) -> LostCard:
    return LostCard(
        outcome="rejected",
        source=_file_name(clip.source.uri),
        caption=clip.caption,
        picture="" if clip.thumbnail is None else _uri(clip.thumbnail, _THUMBNAIL_SIDE),
        missing="never decoded" if clip.media is None else "no picture was stored",
        verdicts=verdicts(clip, policy),
    )


def _failed_card(clip: FailedClip, policy: Policy) -> LostCard:
    return LostCard(
        outcome="failed",
        source=_file_name(clip.source.uri),
        caption="",
        picture="",
        missing="lost to an error",
        verdicts=verdicts(clip, policy),
    )


def _uri(payload: Payload, side: int) -> str:
    image = read_image(payload)
    return "" if image is None else picture_uri(image, side)


def _file_name(uri: str) -> str:
    """The last part of a path or URL: what tells a source from its neighbours."""
    return uri.rstrip("/").rsplit("/", 1)[-1] or uri
