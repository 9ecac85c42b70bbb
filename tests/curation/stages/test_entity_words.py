"""The stage: who is asked, what is filled in, what is decided."""

import pickle
from collections.abc import Sequence
from dataclasses import replace

import pytest

from curation.annotators.lexicon.extractor import LexiconEntityWords
from curation.records import Clip
from curation.stage import Resources
from curation.stages.entity_words import EntityWords, EntityWordsConfig
from dataset_schema import Annotator, Reason, Source
from tests.curation.deciding import reasons_of


class ScriptedExtractor:
    """Gives the same answer to all, and remembers whom it was asked about."""

    def __init__(self, answer: str = "{'subject': ['dog']}") -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.is_loaded = False

    def describe(self) -> Annotator:
        return Annotator(job="entity_words", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        self.is_loaded = True

    def extract(self, captions: Sequence[str]) -> list[str]:
        self.asked += captions
        return [self.answer for _ in captions]


def make_clip(caption: str) -> Clip:
    return Clip(clip_id="0" * 16, source=Source(id="0" * 16, uri="a.mp4"), caption=caption)


def reason_codes(stage: EntityWords, clip: Clip) -> list[str]:
    return [reason.reason for reason in reasons_of(stage, clip)]


def test_fills_in_the_words_of_a_good_caption_and_decides_to_keep_it() -> None:
    stage = EntityWords(EntityWordsConfig(), LexiconEntityWords())

    (clip,) = stage.score([make_clip("A brown dog sleeps on a red rug in a kitchen.")])

    assert clip.entity_words is not None
    assert [(word.word, word.kind.value) for word in clip.entity_words] == [
        ("brown dog", "subject"), ("red rug", "object"), ("kitchen", "background"),
    ]  # fmt: skip
    assert reasons_of(stage, clip) == ()


def test_one_clip_comes_out_for_each_that_goes_in_and_in_order() -> None:
    stage = EntityWords(EntityWordsConfig(max_caption_chars=30), LexiconEntityWords())
    captions = ["A cat.", "", "A dog.", "A dog. " * 20, "Two dogs.", "A dog."]

    clips = stage.score([make_clip(caption) for caption in captions])

    assert [clip.caption for clip in clips] == captions
    assert [reason_codes(stage, clip) for clip in clips] == [
        [], ["no_caption"], [], ["caption_too_long"], ["plural_subject_word"], [],
    ]  # fmt: skip


@pytest.mark.parametrize("caption", ["", " \n\t ", "x" * 2001, "A dog. " * 15_000])
def test_does_not_ask_about_a_caption_that_is_empty_or_too_long(caption: str) -> None:
    extractor = ScriptedExtractor()

    (clip,) = EntityWords(EntityWordsConfig(), extractor).score([make_clip(caption)])

    assert extractor.asked == []
    assert clip.entity_words == ()
    assert len(clip.word_problems) == 1


def test_the_longest_allowed_caption_is_still_read() -> None:
    extractor = ScriptedExtractor()
    caption = ("A dog. " * 1000)[:2000]

    EntityWords(EntityWordsConfig(), extractor).score([make_clip(caption)])

    assert extractor.asked == [caption]


def test_a_broken_answer_comes_out_with_its_reason() -> None:
    stage = EntityWords(EntityWordsConfig(), ScriptedExtractor("Sorry, no."))

    (clip,) = stage.score([make_clip("A dog.")])

    assert clip.entity_words == ()
    (reason,) = reasons_of(stage, clip)
    assert (reason.stage, reason.reason) == ("entity_words", "unparsable_answer")
    assert "Sorry, no." in reason.detail


def test_keeps_the_words_of_a_rejected_caption_for_a_run_that_scores_every_clip() -> None:
    stage = EntityWords(EntityWordsConfig(), LexiconEntityWords())

    (clip,) = stage.score([make_clip("Two dogs sleep on a rug.")])

    assert [word.word for word in clip.entity_words or ()] == ["dogs", "rug"]
    assert reason_codes(stage, clip) == ["plural_subject_word"]


def test_keeps_the_subjects_first_when_there_are_too_many_words() -> None:
    stage = EntityWords(EntityWordsConfig(max_words=2), LexiconEntityWords())

    (clip,) = stage.score([make_clip("In a kitchen a cup and a plate stand before a cat.")])

    assert [word.word for word in clip.entity_words or ()] == ["cat", "cup"]


def test_decides_the_same_again_and_scores_the_same_again() -> None:
    stage = EntityWords(EntityWordsConfig(), LexiconEntityWords())
    clip = make_clip("A man talks to another man.")

    (once,) = stage.score([clip])
    (twice,) = stage.score([once])

    assert reasons_of(stage, once) == reasons_of(stage, once) == reasons_of(stage, twice)
    assert once.entity_words == twice.entity_words
    assert reasons_of(stage, replace(clip, word_problems=())) == ()


def test_nothing_in_nothing_out() -> None:
    assert EntityWords(EntityWordsConfig(), ScriptedExtractor()).score([]) == []


def test_travels_to_a_worker() -> None:
    stage = pickle.loads(pickle.dumps(EntityWords(EntityWordsConfig(), LexiconEntityWords())))

    (clip,) = stage.score([make_clip("A dog barks.")])

    assert [word.word for word in clip.entity_words] == ["dog"]


def test_setup_loads_the_extractor_that_it_names() -> None:
    extractor = ScriptedExtractor()
    stage = EntityWords(EntityWordsConfig(), extractor)

    stage.setup()

    assert extractor.is_loaded
    assert [annotator.name for annotator in stage.annotators()] == ["scripted"]


def test_reasons_are_typed_with_the_stages_name() -> None:
    stage = EntityWords(EntityWordsConfig(), LexiconEntityWords())

    (clip,) = stage.score([make_clip("A red car.")])

    detail = "no word of the caption names a person or an animal"
    assert reasons_of(stage, clip) == (Reason(stage="entity_words", reason="no_subject_word", detail=detail),)


@pytest.mark.parametrize("wrong", [{"max_caption_chars": 0}, {"max_words": 0}])
def test_a_limit_must_leave_something(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        EntityWordsConfig(**wrong)
