import json
from pathlib import Path

import pytest

from curation.sources import SourcesConfig, read_sources
from tests.curation.sources.inputs import clips, failures, names, read, write


def test_a_line_of_broken_json_fails_alone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.jsonl", b'{"video": "a.mp4", "caption": "A dog."}\n{"video": \n\n[1]\n{"video": "b.mp4"}\n'
    )

    records = read(path)

    assert names(records) == ["a.mp4", "b.mp4"]
    assert [failure.message.split(":")[0] for failure in failures(records)] == [
        "line 2 of m.jsonl",
        "line 4 of m.jsonl",
    ]


@pytest.mark.parametrize("value", ["NaN", "null", '""', '"  "', '"nan"', '"None"'])
def test_a_caption_that_says_nothing_is_missing(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "m.jsonl", f'{{"video": "a.mp4", "caption": {value}, "start_s": {value}}}')

    (clip,) = clips(read(path, caption="A dog."))

    assert (clip.caption, clip.source.start_s) == ("A dog.", None)


@pytest.mark.parametrize("value", ["true", '["A dog."]', '{"en": "A dog."}'])
def test_a_caption_that_is_no_text_fails_alone(tmp_path: Path, value: str) -> None:
    path = write(tmp_path / "m.jsonl", f'{{"video": "a.mp4", "caption": {value}}}\n{{"video": "b.mp4"}}')

    records = read(path)

    assert names(records) == ["b.mp4"]
    assert ["column 'caption' holds a" in failure.message for failure in failures(records)] == [True]


def test_what_is_no_number_in_other_columns_makes_no_invalid_json(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.jsonl", '{"video": "a.mp4", "score": NaN, "most": Infinity, "list": [1, NaN, {"x": NaN}], "n": 5}'
    )

    (clip,) = clips(read(path))

    extra = json.loads(clip.extra, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert extra == {"most": "inf", "list": [1, None, {"x": None}], "n": 5}


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "video": "a.mp4",\n  "caption": "A dog."\n}\n',
        '[{"video": "a.mp4"}]',
        '[\n{"video": "a.mp4"},\n{"video": "b.mp4"}]',
        "video,caption\na.mp4,A dog.\n",
    ],
)
def test_text_in_another_layout_stops_with_what_makes_lines_of_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"m\.jsonl has no line that is an object.*jq -c"):
        read_sources(write(tmp_path / "m.jsonl", text), SourcesConfig())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_do_no_harm_also_where_files_were_joined(tmp_path: Path, encoding: str) -> None:
    lines = [f'{{"video": "{name}.mp4", "caption": "A dog."}}\n' for name in "ab"]
    path = write(tmp_path / "m.jsonl", "\ufeff".join(lines).encode(encoding))

    assert names(read(path)) == ["a.mp4", "b.mp4"]
