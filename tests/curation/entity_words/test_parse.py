"""The ladder from a raw answer to words per kind."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.entity_words.parse import MAX_ANSWER_CHARS, ParsedAnswer, UnparsableAnswerError, parse_answer

EXPECTED = ParsedAnswer(subject=("woman",), object=("mask", "long hair"), background=())

PLAIN = "{'background': [''], 'subject': ['woman'], 'object': ['mask', 'long hair']}"


AS_JSON = '{"subject": ["woman"], "object": ["mask", "long hair"], "background": []'

ANSWERS = {
    "python dictionary as in Figure 7": PLAIN,
    "json": AS_JSON + "}",
    "code fence": f"```python\n{PLAIN}\n```",
    "byte order mark": f"\ufeff{PLAIN}",
    "thinking first": f"<think>Is {{'subject': ['dog']}} right?</think>\n{PLAIN}",
    "thinking without its start": f"no tag opened {{'subject': ['dog']}}</think>{PLAIN}",
    "prose around": f"### Output: {PLAIN}\nI hope this helps! {{}}",
    "strings, other cases and numbers of the keys": (
        '{"Subject": "woman", "Objects": ["mask", "long hair"], "background": "none"}'
    ),
    "missing commas": "{'subject': ['woman'] 'object': ['mask' 'long hair'] 'background': []}",
    "curly quotes": (
        "{\u2018subject\u2019: [\u2018woman\u2019], "
        "\u201cobject\u201d: [\u2018mask\u2019, \u2018long hair\u2019], 'background': []}"
    ),
    "no braces": "background: []\nsubject: ['woman']\nobject: ['mask', 'long hair']",
    "nothing by name": '{"subject": ["woman"], "object": ["mask", "long hair", "N/A"], "background": null}',
    "json after which something stands": AS_JSON + '} {"subject": []}',
    "tuples": "{'subject': ('woman',), 'object': ('mask', 'long hair'), 'background': ()}",
    "trailing comma": AS_JSON + ",}",
    "further keys": "{'subject': [\"woman\"], 'object': ['mask', 'long hair'], 'mood': 'calm'}",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_reads_what_language_models_write(answer: str) -> None:
    assert parse_answer(answer) == EXPECTED


def test_keeps_braces_and_apostrophes_inside_words() -> None:
    answer = "{'subject': [\"the {odd} man's dog\"], 'object': ['a } b', 'cat\\'s cradle'], 'background': []}"

    assert parse_answer(answer) == ParsedAnswer(
        subject=("the {odd} man's dog",), object=("a } b", "cat's cradle"), background=()
    )


def test_reads_an_apostrophe_that_was_not_escaped() -> None:
    answer = "{'subject': ['woman'], 'object': ['man's hat', 'mask'], 'background': ['']}"

    assert parse_answer(answer).object == ("man's hat", "mask")


def test_does_not_glue_words_together_where_a_comma_is_missing() -> None:
    assert parse_answer("{'subject': ['man'\n 'dog'], 'object': [], 'background': []}").subject == ("man", "dog")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "no dictionary"),
        ("I cannot help with that.", "no dictionary"),
        ("['woman', 'mask']", "no dictionary"),
        ("{'subject': ['woman', 3]}", "expected a list of strings"),
        ("{'subject': [['woman']], 'object': []}", "expected a list of strings"),
        ("{'subject': {'word': 'woman'}}", "expected a list of strings"),
        ("{'people': ['woman']}", "expected background, subject and object"),
        ("{'background': [''], 'subject': ['woman'], 'object': ['mask', 'lo", "no dictionary"),
        ("<think>Perhaps {'subject': ['woman']}", "no dictionary"),
        ("{'subject': __import__('os').getcwd()}", "no dictionary"),
        ("{" * 5000, "no dictionary"),
        ("[" * 3_500 + "]" * 3_500, "no dictionary"),
        ("{'subject': [" + "(" * 3_500 + ")" * 3_500 + "]}", "no dictionary"),
    ],
)
def test_says_why_an_answer_is_no_dictionary_and_quotes_it(answer: str, says: str) -> None:
    with pytest.raises(UnparsableAnswerError, match=says) as caught:
        parse_answer(answer)

    assert answer[:20].removeprefix("<think>") in str(caught.value) or answer.startswith("<think>")


@pytest.mark.parametrize(
    "garbage",
    [
        "{" * 1_000_000,
        "'" * 1_000_000,
        "{'a':" * 200_000,
        "subject: [" * 100_000,
        "<think>" * 150_000,
        "\\" * 1_000_000,
    ],
)
def test_a_megabyte_of_garbage_is_refused_at_once(garbage: str) -> None:
    start = time.process_time()

    with pytest.raises(UnparsableAnswerError):
        parse_answer(garbage)

    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("unit", ["{", "{'a':[", "subject: [", "'\"", "object: ['a' ", "}{", "[]", "\\'"])
def test_the_largest_answer_that_is_read_takes_little_time(unit: str) -> None:
    answer = (unit * MAX_ANSWER_CHARS)[:MAX_ANSWER_CHARS]
    start = time.process_time()

    with pytest.raises(UnparsableAnswerError):
        parse_answer(answer)

    assert time.process_time() - start < 2


WORDS = st.lists(st.text(min_size=1, max_size=12).filter(lambda word: word == word.strip() and word), max_size=4)


@given(subject=WORDS, thing=WORDS, background=WORDS)
def test_reads_back_what_json_and_python_write(subject: list[str], thing: list[str], background: list[str]) -> None:
    content = {"background": background, "subject": subject, "object": thing}
    empty = {"", "none", "n/a", "na", "null", "[]"}

    for text in (json.dumps(content), json.dumps(content, ensure_ascii=False)):
        if "<think>" in text or "</think>" in text or "```" in text or "\ufeff" in text:
            continue
        parsed = parse_answer(text)
        for found, written in ((parsed.subject, subject), (parsed.object, thing), (parsed.background, background)):
            assert list(found) == [word for word in written if word.lower() not in empty]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_the_one_error(text: str) -> None:
    try:
        parsed = parse_answer(text)
    except UnparsableAnswerError:
        return
    assert all(word.strip() for word, _ in parsed.words())
