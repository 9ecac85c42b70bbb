"""Few-shot examples of one's own, and the version that they make."""

import json
from pathlib import Path

import pytest

from curation.entity_words.instruction import ANSWER_SCHEMA, entity_word_instruction, instruction_version
from curation.entity_words.parse import parse_answer

COW = {"caption": "A cow\n stands.", "background": [], "subject": ["cow"], "object": ["bell's"]}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_shows_the_users_examples_after_the_one_of_figure_7(tmp_path: Path) -> None:
    instruction = entity_word_instruction("A dog.", examples=write(tmp_path / "mine.json", [COW]))

    shown = [line for line in instruction.splitlines() if line.startswith("Caption: ")]
    assert [line.split(".")[0] for line in shown][1:] == ["Caption: A cow stands", "Caption: A dog"]
    assert shown[0].startswith("Caption: A woman in a mask and coat")
    assert parse_answer(shown[1].partition("### Output:")[2]).object == ("bell's",)


def test_braces_in_examples_and_captions_stay_as_they_are(tmp_path: Path) -> None:
    examples = write(tmp_path / "mine.json", [{**COW, "caption": "A {caption} of {examples}."}])

    instruction = entity_word_instruction("A {caption} {0}.", examples=examples)

    assert "Caption: A {caption} of {examples}. ###" in instruction
    assert instruction.endswith("Caption: A {caption} {0}. ### Output:")


def test_its_version_changes_with_the_examples_alone(tmp_path: Path) -> None:
    mine, same = write(tmp_path / "mine.json", [COW]), write(tmp_path / "same.json", [COW])
    other = write(tmp_path / "other.json", [{**COW, "subject": ["Cow"]}])

    versions = [instruction_version(path) for path in (None, mine, same, other)]

    assert versions[1] == versions[2]
    assert len(set(versions)) == 3
    assert all(len(version) == 12 for version in versions)


@pytest.mark.parametrize(
    "content", [{}, [1], [{}], [{**COW, "subject": "cow"}], [{**COW, "caption": None}], {"a": 1}, None, "x", 3]
)
def test_refuses_a_file_that_holds_something_else(tmp_path: Path, content: object) -> None:
    if content == {}:
        (tmp_path / "mine.json").write_text("{")
    else:
        write(tmp_path / "mine.json", content)

    with pytest.raises(ValueError, match=r"mine\.json cannot be read"):
        entity_word_instruction("A dog.", examples=tmp_path / "mine.json")


def test_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mine\.json do not exist"):
        instruction_version(tmp_path / "mine.json")


def test_the_schema_is_figure_7s_dictionary() -> None:
    assert ANSWER_SCHEMA["required"] == ["background", "subject", "object"]
    assert set(ANSWER_SCHEMA["properties"]) == {"background", "subject", "object"}
