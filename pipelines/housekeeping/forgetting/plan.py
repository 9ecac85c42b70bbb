"""All that will be done to forget something: plain values, because they are written down before anything is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

from curation.opt_outs import OptOuts, digest_of
from pipelines.housekeeping.forgetting.asking import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenClip:
    """A row that goes."""

    clip_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenSource:
    """What rows told of their source."""

    id: str
    uri: str
    content_sha256: str | None
    perceptual_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedContent:
    """Bytes that nothing may hold afterwards; of a file in an export its name."""

    sha256: str
    size_bytes: int
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPart:
    """What goes from an export."""

    folder: str
    clips: tuple[str, ...]
    files: tuple[HashedContent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What goes, and by what it is known afterwards.

    Attributes:
        by: what the request named, and `asked_sha256` the hash of how: a name is content.
        contents: of all media of the clips.
        opt_outs: what may not come in again, by kind.
        shards: with rows that go.
        pictures: of other rows how many of their pictures have the same bytes, by clip.
        cached: entries of latents and text tokens, by shard of the cache.
        sheets: contact sheets, which may show a clip.
        receipt: where it will lie.
    """

    by: str
    asked_sha256: str
    clips: tuple[ForgottenClip, ...]
    sources: tuple[ForgottenSource, ...]
    contents: tuple[HashedContent, ...]
    opt_outs: Mapping[str, tuple[str, ...]]
    shards: tuple[str, ...] = ()
    pictures: Mapping[str, int] = field(default_factory=dict)
    cached: Mapping[str, int] = field(default_factory=dict)
    sheets: tuple[str, ...] = ()
    exports: tuple[ExportPart, ...] = ()
    receipt: str = ""

    @property
    def clip_ids(self) -> frozenset[str]:
        """Of the rows that go."""
        return frozenset(clip.clip_id for clip in self.clips)

    @property
    def sizes(self) -> frozenset[int]:
        """How long the media are that nothing may hold."""
        return frozenset(content.size_bytes for content in self.contents)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing of it is there."""
        return not (self.clips or any(part.clips for part in self.exports))

    @classmethod
    def of(cls, asked: Asked, opt_outs: OptOuts, **found: object) -> Self:
        """With what was found."""
        kinds = {each.name: tuple(sorted(getattr(opt_outs, each.name))) for each in fields(opt_outs)}
        return cls(by=asked.by.value, asked_sha256=digest_of(asked.value), opt_outs=kinds, **found)  # type: ignore[arg-type]


def opt_outs_of(plan: Plan) -> OptOuts:
    """What may not come in again."""
    return OptOuts(**{kind: frozenset(values) for kind, values in plan.opt_outs.items()})
