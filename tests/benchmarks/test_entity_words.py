"""The benchmark of the entity words: its arithmetic by hand, and its figures on captions that the project writes."""

import json
from pathlib import Path

import pytest

from benchmarks.entity_words import Score, class_figures, f_score, figures, measure, read_captions, read_truth
from curation.annotators.lexicon.extractor import LexiconEntityWords


def test_every_goal_is_reached_on_captions_of_the_sprite_world() -> None:
    found = figures(None)

    assert len(found) == 11
    assert all(figure.is_met for figure in found)


def test_counts_exact_words_heads_and_wrong_kinds_as_done_by_hand() -> None:
    score = Score()

    score.add(
        {"subject": ["dog", "nurse"], "object": ["red hat"], "background": ["barn"]},
        {"subject": ["brown dog", "nurse"], "object": ["barn"], "background": []},
        ("subject", "object", "background"),
    )

    assert f_score(score, score.exact, "subject") == pytest.approx(2 * 1 / 4)
    assert f_score(score, score.head, "subject") == 1
    assert f_score(score, score.exact, "object") == 0
    assert (score.wrong_kind, score.at_known_place) == (1, 3)


def test_reads_every_form_of_truth(tmp_path: Path) -> None:
    by_kind, by_role, records = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.json"
    by_kind.write_text("caption,subject_words,object_words,background_words\nA dog on a rug.,dog,rug,\n")
    by_role.write_text("caption,entity_words,roles\nA dog on a rug.,dog|dog,subject|subject\n")
    words = {"subject": ["dog"], "object": ["rug"], "background": []}
    records.write_text(json.dumps([{"caption": "A dog on a rug.", "all_entity_words_annotated": words}]))
    score = Score()

    for path in (by_kind, by_role, records):
        measure(read_truth(path), LexiconEntityWords(), score)

    assert (score.expected["subject"], score.exact["subject"]) == (3, 3)
    assert (score.expected["object"], score.exact["object"]) == (2, 2)


def test_counts_the_words_that_have_a_class_as_done_by_hand() -> None:
    captions = ["A woman in a red dress pets a rabbit on a sofa.", "A man plays a guitar.", "Two dogs run."]

    found = {figure.name: figure for figure in class_figures(captions, LexiconEntityWords())}

    # Woman, man exactly, rabbit nearly; of red dress, sofa and guitar the sofa alone; "two dogs" breaks a rule.
    assert found["subject words with a class"].value == 1
    assert found["subject words with an exact class"].value == pytest.approx(2 / 3)
    assert found["object words with a class"].value == pytest.approx(1 / 3)
    assert found["object words with a class"].of == "3 words of 2 captions"


def test_reads_all_captions_of_a_media_folder(tmp_path: Path) -> None:
    (tmp_path / "captions").mkdir()
    videos = [{"video": "a.mp4", "caption": ["A dog.", "A dog runs."]}, {"video": "b.mp4", "caption": ["A cat."]}]
    (tmp_path / "captions" / "msrvtt_test_first800.json").write_text(json.dumps(videos))
    (tmp_path / "captions" / "panda70m_website_samples.csv").write_text("file,dataset_caption\nc.mp4,A bird.\n")

    assert read_captions(tmp_path) == ["A dog.", "A dog runs.", "A cat.", "A bird."]
    assert read_captions(None) == []
