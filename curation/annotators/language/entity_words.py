"""Entity words by a language model: the instruction, the answers of earlier runs, and the model for the rest (A.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from curation.annotators.language.answer_cache import AnswerCache
from curation.annotators.language.chat import AnswerFormat, ChatModel
from curation.entity_words.instruction import ANSWER_SCHEMA, entity_word_instruction, instruction_version
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import UNDECISIVE, strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageEntityWordsConfig:
    """What is asked, and where answers are kept.

    Attributes:
        examples: JSON file with the few-shot examples of Figure 7; None for those that come with the package.
        cache: SQLite file that keeps every answer; None keeps none beyond the batch. A server does not say which
            weights it has: after you change them under the same name, choose another file.
        max_tokens: longer answers are cut off. Our choice: four times what a caption with a dozen words needs.
    """

    examples: str | None = None
    cache: str | None = field(default=None, metadata=UNDECISIVE)
    max_tokens: int = 512

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}, expected at least 1")


class LanguageEntityWords:
    """Extracts entity words by asking a language model: see `EntityWordExtractor`."""

    def __init__(self, config: LanguageEntityWordsConfig, model: ChatModel) -> None:
        self._model = model
        self._examples = None if config.examples is None else Path(config.examples)
        self._cache_path = None if config.cache is None else Path(config.cache)
        self._cache: AnswerCache | None = None

    def describe(self) -> Annotator:
        """The model, with the version of the instruction as part of its revision."""
        version = instruction_version(self._examples)
        described = self._model.describe("entity_words")
        return replace(described, revision=f"{described.revision}, instruction {version}")

    @property
    def resources(self) -> Resources:
        """Those of the model."""
        return self._model.resources

    def load(self) -> None:
        """Load the model, and open the cache.

        Raises:
            ValueError: the cache or the examples are other files.
        """
        self._model.load()
        if self._cache_path is not None and self._cache is None:
            cache = AnswerCache(
                self._cache_path, model=self._model.identity(), prompt=instruction_version(self._examples)
            )
            cache.create()
            self._cache = cache

    def extract(self, captions: Sequence[str]) -> list[str]:
        """One raw answer per caption, in whatever form the model gave it.

        Raises:
            ClipError: a caption got no answer.
        """
        self.load()
        known = {} if self._cache is None else self._cache.find(captions)
        unknown = [caption for caption in dict.fromkeys(captions) if caption not in known]
        if unknown:
            questions = [entity_word_instruction(caption, examples=self._examples) for caption in unknown]
            found = dict(zip(unknown, self._model.answer(questions), strict=True))
            if self._cache is not None:
                self._cache.add(found)
            known |= found
        return [known[caption] for caption in captions]


class ChatConfig(Protocol):
    """Which language model."""

    def chat(self, form: AnswerFormat) -> ChatModel:
        """The model; nothing is loaded yet."""
        ...


def entity_words_by(model: ChatConfig, config: LanguageEntityWordsConfig | None = None) -> LanguageEntityWords:
    """The extractor that asks this model; nothing is loaded yet."""
    config = config or LanguageEntityWordsConfig()
    form = AnswerFormat(max_tokens=config.max_tokens, schema=ANSWER_SCHEMA)
    return LanguageEntityWords(config, model.chat(form))
