"""Entity words that came with the clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from curation.annotators.protocols import EntityWordExtractor
from curation.entity_words import Answer
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage.configs import strict

_REVISION: Final = "1"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class GivenWordsConfig:
    """Nothing to choose: the words come with the clips (`import`)."""

    profile: Literal["given"] = "given"

    def build(self, instruction: object = None) -> EntityWordExtractor:  # noqa: ARG002  nobody is asked
        """What stands in the place of an extractor."""
        return GivenWords()


class GivenWords:
    """An `EntityWordExtractor` that knows no words: a clip that came without them is lost."""

    def describe(self) -> Annotator:
        """That nothing ran."""
        return Annotator(job="entity_words", name="given", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """None to speak of."""
        return Resources(memory_bytes=1 << 28, batch_size=4, timeout_s=60)

    def load(self) -> None:
        """There is nothing to load."""

    def extract(self, captions: Sequence[str]) -> Sequence[Answer]:
        """Nothing.

        Raises:
            ClipError: always: whoever asks has a clip without words.
        """
        raise ClipError(
            FailureKind.INPUT,
            f"the clip captioned {captions[0]!r} came without words; the profile `given` is for what `import` reads, "
            "take `lexicon` for other clips",
        )
