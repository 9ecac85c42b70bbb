"""What training will see of a dataset: which captions the text encoder cuts, and a fingerprint of all that it sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Final

from dataset_schema import EntityKind
from modeling.data.captions import CaptionedClip, NamedEntity
from modeling.data.store import SampleStore
from modeling.encoders import TextEncoder, tokens_inside, unread_part

_CLIPS_AT_ONCE: Final = 1024
_EXAMPLES: Final = 3
_CHARACTERS: Final = 40
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was counted over all clips of a dataset.

    Attributes:
        fingerprint: of their ids, buckets, captions, entity words and numbers of pictures, whatever their order and
            division into shards; the pictures and videos themselves are not read.
        max_tokens: of a caption that the text encoder reads; `cut_captions` have more.
        references: reference images, backgrounds among them; of `unread_references` the word is cut off.
        examples: some cut captions, each in a few words.
    """

    clips: int
    fingerprint: str
    max_tokens: int
    cut_captions: int
    references: int
    unread_references: int
    examples: tuple[str, ...]

    @property
    def findings(self) -> str:
        """What is cut, in one sentence; nothing where nothing is."""
        if not self.cut_captions and not self.unread_references:
            return ""
        return (
            f"the text encoder reads {self.max_tokens} tokens: of {self.clips} captions {self.cut_captions} are cut, "
            f"and of {self.references} reference images {self.unread_references} lose their word and are left out "
            f"({'; '.join(self.examples)})"
        )

    def expect_read(self, *, most_unread: float) -> None:
        """Refuse a dataset of which the text encoder does not read enough.

        Args:
            most_unread: the share of reference images that may lose their word.

        Raises:
            ValueError: more do.
        """
        if self.unread_references > most_unread * self.references:
            raise ValueError(
                f"{self.findings}; that is more than data.most_unread_references, {most_unread:g} of them: raise "
                "pipeline.encoders.max_text_tokens, shorten the captions, leave out such clips (`select`), or raise "
                "that share"
            )


def survey(store: SampleStore, text: TextEncoder) -> Survey:
    """Look at every caption and entity word of a dataset. No picture, no video and no weights are read.

    Raises:
        ValueError: a shard is damaged, or a row says nothing.
    """
    fingerprint = clips = cut = references = unread = 0
    examples: list[str] = []
    for chunk in _chunks(store.captions()):
        for clip, spans in zip(chunk, text.spans([clip.caption for clip in chunk]), strict=True):
            rest = unread_part(clip.caption, spans, max_tokens=text.max_tokens)
            pictured = _pictured(clip)
            lost = [
                each for each in pictured if each.start < each.end and not tokens_inside(spans, each.start, each.end)
            ]
            clips += 1
            fingerprint += _digest(clip)
            cut += bool(rest)
            references += sum(each.references for each in pictured)
            unread += sum(each.references for each in lost)
            if (rest or lost) and len(examples) < _EXAMPLES:
                examples.append(_example(clip, rest, lost))
    return Survey(
        clips=clips,
        fingerprint=(fingerprint % (1 << 8 * _DIGEST_BYTES)).to_bytes(_DIGEST_BYTES).hex(),
        max_tokens=text.max_tokens,
        cut_captions=cut,
        references=references,
        unread_references=unread,
        examples=tuple(examples),
    )


def _chunks(clips: Iterator[CaptionedClip]) -> Iterator[Sequence[CaptionedClip]]:
    while chunk := list(islice(clips, _CLIPS_AT_ONCE)):
        yield chunk


def _pictured(clip: CaptionedClip) -> list[NamedEntity]:
    """The entities with pictures, and the place that the background shows: as training binds them to words."""
    places = [entity for entity in clip.entities if entity.kind is EntityKind.BACKGROUND]
    start, end, word = (places[0].start, places[0].end, places[0].word) if places else (0, 0, "")
    place = NamedEntity(word=word, kind=EntityKind.BACKGROUND, start=start, end=end, references=1)
    return [entity for entity in clip.entities if entity.references] + [place] * clip.has_background


def _digest(clip: CaptionedClip) -> int:
    """Of one clip; their sum does not depend on their order."""
    buckets = " ".join(map(str, clip.buckets))
    said = repr((clip.clip_id, buckets, clip.caption, clip.has_background, [tuple(e) for e in clip.entities]))
    return int.from_bytes(blake2b(said.encode(), digest_size=_DIGEST_BYTES).digest())


def _example(clip: CaptionedClip, rest: str, lost: Sequence[NamedEntity]) -> str:
    """Which clip, from where on its caption is cut, and which words that costs."""
    cut = f" from {rest[:_CHARACTERS]!r} on" if rest else ""
    words = f", with {', '.join(repr(each.word) for each in lost)}" if lost else ""
    return f"clip {clip.clip_id}{cut}{words}"
