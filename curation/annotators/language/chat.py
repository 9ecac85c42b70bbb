"""What entity words and captions ask of a language model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from curation.stage import Resources
from dataset_schema import Annotator


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """What answers may look like.

    Attributes:
        max_tokens: longer ones are cut off.
        schema: a JSON schema that they shall follow, where the model can be made to.
    """

    max_tokens: int
    schema: Mapping[str, Any] | None = None


class ChatModel(Protocol):
    """An instruction-tuned language model. It takes the likeliest token each time, so that answers can be repeated."""

    def describe(self, job: str) -> Annotator:
        """Its name and weights.

        Raises:
            FileNotFoundError: the weights are missing.
            ConnectionError: the server does not answer as it should.
        """
        ...

    def identity(self) -> str:
        """Name, weights and options: whatever beside the question decides its answers, as far as it is known."""
        ...

    @property
    def resources(self) -> Resources:
        """What a worker needs to run it, and how many questions it likes at once."""
        ...

    def load(self) -> None:
        """Load the weights; idempotent."""
        ...

    def answer(self, questions: Sequence[str]) -> list[str]:
        """One answer per question, in order.

        Raises:
            ClipError: a question got none. The same questions, fewer at a time, find out which.
        """
        ...
