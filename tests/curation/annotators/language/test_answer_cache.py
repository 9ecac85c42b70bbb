"""Answers on disk: found again by whoever asks the same, whoever wrote them."""

import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from curation.annotators.language.answer_cache import AnswerCache
from curation.annotators.language.entity_words import LanguageEntityWords, LanguageEntityWordsConfig
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from tests.curation.annotators.language.cache_writer import write_answers


class ScriptedModel:
    """Answers with the last line of the question, and remembers what it was asked."""

    def __init__(self, name: str = "m", *, refuses: str | None = None) -> None:
        self._name = name
        self._refuses = refuses
        self.asked: list[str] = []

    def describe(self, job: str) -> Annotator:
        return Annotator(job=job, name=self._name, revision="1")

    def identity(self) -> str:
        return self._name

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        """Nothing."""

    def answer(self, questions: Sequence[str]) -> list[str]:
        captions = [question.rpartition("Caption: ")[2].removesuffix(" ### Output:") for question in questions]
        if self._refuses in captions:
            raise ClipError(FailureKind.IO, "scripted")
        self.asked += captions
        return [f"about {caption}" for caption in captions]


def extract(path: Path, captions: Sequence[str], model: ScriptedModel, examples: Path | None = None) -> list[str]:
    config = LanguageEntityWordsConfig(cache=str(path), examples=None if examples is None else str(examples))
    return LanguageEntityWords(config, model).extract(captions)


def test_asks_only_for_what_no_earlier_run_knows(tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    extract(cache, ["a", "b"], ScriptedModel())
    model = ScriptedModel()

    answers = extract(cache, ["c", "b", "a", "c"], model)

    assert answers == ["about c", "about b", "about a", "about c"]
    assert model.asked == ["c"]


def test_another_model_or_other_examples_are_asked_anew(tmp_path: Path) -> None:
    cache, examples = tmp_path / "answers.sqlite", tmp_path / "examples.json"
    examples.write_text(json.dumps([{"caption": "A cow.", "background": [], "subject": ["cow"], "object": []}]))
    extract(cache, ["a"], ScriptedModel())
    other, instructed = ScriptedModel("other"), ScriptedModel()

    extract(cache, ["a"], other)
    extract(cache, ["a"], instructed, examples)

    assert other.asked == ["a"]
    assert instructed.asked == ["a"]


def test_a_failure_is_never_kept(tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    with pytest.raises(ClipError):
        extract(cache, ["a"], ScriptedModel(refuses="a"))
    model = ScriptedModel()

    assert extract(cache, ["a"], model) == ["about a"]
    assert model.asked == ["a"]


def test_captions_of_any_script_and_quotes_are_found_again(tmp_path: Path) -> None:
    captions = ["\u4e00\u53ea\u72d7", "'; DROP TABLE answers; --", 'a "b"', "x" * 2000, "\U0001f436", "\0"]
    cache = tmp_path / "answers.sqlite"
    first = extract(cache, captions, ScriptedModel())
    model = ScriptedModel()

    assert extract(cache, captions, model) == first
    assert model.asked == []


def test_several_processes_write_at_the_same_time_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.sqlite"

    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert sorted(pool.map(write_answers, [path] * 4, range(4))) == [0, 1, 2, 3]

    found = AnswerCache(path, model="m", prompt="p").find(
        [f"shared {number}" for number in range(30)] + [f"own {worker} {n}" for worker in range(4) for n in range(30)]
    )
    assert len(found) == 30 + 4 * 30


def test_the_first_answer_stays(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers.sqlite", model="m", prompt="p")
    cache.create()

    cache.add({"a": "first"})
    cache.add({"a": "second"})

    assert cache.find(["a"]) == {"a": "first"}


def test_another_file_is_not_taken_for_a_cache(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_text("captions and answers\n" * 100)

    with pytest.raises(ValueError, match=r"answers\.sqlite cannot be used"):
        AnswerCache(path, model="m", prompt="p").create()

    assert path.read_text() == "captions and answers\n" * 100


def test_trouble_with_the_disk_is_retryable(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path, model="m", prompt="p")  # a folder cannot be opened

    with pytest.raises(ClipError) as caught:
        cache.find(["a"])

    assert caught.value.kind is FailureKind.IO


def test_anybody_can_look_into_it(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    extract(path, ["A dog."], ScriptedModel("mistral"))

    database = sqlite3.connect(path)
    rows = database.execute("SELECT model, caption, answer FROM answers").fetchall()
    database.close()

    assert rows == [("mistral", "A dog.", "about A dog.")]
