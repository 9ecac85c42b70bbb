"""Clips of a folder and of a JSONL file; whatever is wrong is told at once, and nothing is left out in silence."""

import json
from pathlib import Path

import pytest

from modeling.data.own_clips import OwnClip, own_clips
from tests.modeling.data.own_files import draw, furnish


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return furnish(tmp_path / "home")


def test_a_folder_gives_captions_and_the_pictures_of_a_word_to_every_caption_that_has_it(home: Path) -> None:
    dog = (home / "dog" / "1.png", home / "dog" / "2.png")

    assert own_clips(home) == [
        OwnClip(file=home / "a.png", caption="A dog and a cat on a sofa.", references={"dog": dog}),
        OwnClip(file=home / "b.mp4", caption="A cat jumps."),
    ]


def test_jsonl_says_the_same_with_paths_from_its_own_folder(home: Path) -> None:
    rows = [
        {"file": "a.png", "caption": "A dog and a cat on a sofa.", "references": {"dog": ["dog/1.png", "dog/2.png"]}},
        {"file": str(home / "b.mp4"), "caption": "A cat jumps."},
    ]
    path = home / "clips.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")

    of_lines = own_clips(path)

    path.unlink()
    assert of_lines == own_clips(home)


def test_whatever_is_wrong_in_a_folder_is_named_at_once(home: Path) -> None:
    (home / "cow").mkdir()
    (home / "cat").mkdir()
    (home / "b.txt").write_text(" \n")
    (home / "c.txt").write_text("Nobody is here.")
    draw(home / "d.png", seed=4)
    (home / "e.png").symlink_to("gone.png")

    with pytest.raises(ValueError, match="6 things are wrong") as error:
        own_clips(home)

    for problem in (
        "b.mp4 has an empty caption, expected what happens in it",
        "c.txt is the caption of no file; move it elsewhere",
        "d.png has no caption; write what happens in it into d.txt beside it",
        "e.png has no caption",
        "cow has pictures of 'cow', which is in no caption; rename the folder",
        "cat is empty, expected pictures of 'cat'",
    ):
        assert f"\n- {home}/{problem}" in str(error.value)


def test_every_wrong_line_is_named_at_once(tmp_path: Path) -> None:
    lines = [
        '{"file": "a.png", "caption": "A dog.", "reference": {}}',
        '{"file": "a.png", "caption": "A dog."}',
        '{"file": "a.png", "caption": "A dog."',
        '{"file": "a.png"}',
        '{"file": "a.png", "caption": 7}',
        '["a.png", "A dog."]',
        '{"file": "a.png", "caption": "A dog.", "references": {"dog": "1.png"}}',
    ]
    path = tmp_path / "clips.jsonl"
    path.write_text("\n".join(lines))

    with pytest.raises(ValueError, match="6 things are wrong") as error:
        own_clips(path)

    for number, problem in (
        (1, ": reference is unknown, expected a field of OwnClip: background, background_word, caption, file,"),
        (3, " is no JSON (Expecting ',' delimiter at column 38), such as {"),
        (4, ": caption is missing"),
        (5, ": caption is 7, expected a text"),
        (6, ": it is ['a.png', 'A dog.'], expected a table"),
        (7, ": references.dog is '1.png', expected an array"),
    ):
        assert f"clips.jsonl, line {number}{problem}" in str(error.value)


def test_a_line_separator_inside_a_caption_ends_no_line(home: Path) -> None:
    path = home / "clips.jsonl"
    path.write_text('{"file": "a.png", "caption": "A dog.\u2028It sleeps."}\n', encoding="utf-8")

    assert [clip.caption for clip in own_clips(path)] == ["A dog.\u2028It sleeps."]


def test_captions_of_windows_editors_are_read_and_other_bytes_are_told(home: Path) -> None:
    (home / "a.txt").write_bytes("A d\u00f6g.".encode("utf-16"))
    (home / "b.txt").write_bytes("\ufeffA d\u00f6g.".encode())
    (home / "dog").rename(home / "d\u00f6g")
    assert [clip.caption for clip in own_clips(home)] == ["A d\u00f6g."] * 2

    (home / "b.txt").write_bytes("A d\u00f6g.".encode("latin-1"))
    with pytest.raises(ValueError, match=r"b\.txt is not UTF-8 at byte 3; save it as UTF-8"):
        own_clips(home)


def test_where_nothing_is_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.jsonl").write_text("\n")

    with pytest.raises(ValueError, match="empty has no clips, expected videos or pictures, each with its caption"):
        own_clips(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"empty\.jsonl has no clips, expected lines such as"):
        own_clips(tmp_path / "empty.jsonl")
    with pytest.raises(FileNotFoundError, match=r"expected a folder or a \.jsonl file"):
        own_clips(tmp_path / "nowhere")
