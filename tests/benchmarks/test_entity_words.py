"""The benchmark of the entity words: its arithmetic by hand, and its figures on captions that the project writes."""

import json
from pathlib import Path

import pytest

from benchmarks.entity_words import Score, f_score, figures, measure, read_truth
from curation.annotators.lexicon.extractor import LexiconEntityWords


def test_every_goal_is_reached_on_captions_of_the_sprite_world() -> None:
    found = figures(None)

    assert len(found) == 7
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
