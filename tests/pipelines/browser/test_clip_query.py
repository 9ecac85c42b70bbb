from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.browser.clip_query import NUMBERS, ClipQuery

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    text=st.text(min_size=1, max_size=30).filter(str.strip),
    bounds=st.dictionaries(st.sampled_from([f"{side}_{name}" for name in NUMBERS for side in ("min", "max")]), numbers),
    subjects=st.none() | st.integers(0, 9),
)
def test_an_address_gives_the_query_that_wrote_it(text: str, bounds: dict[str, float], subjects: int | None) -> None:
    query = ClipQuery(texts={"q": text, "sort": "desirable", "kind": "object"}, subjects=subjects, bounds=bounds)

    address = urlencode(query.address())

    assert ClipQuery.read(parse_qsl(address)) == query


@given(text=st.text(min_size=1, max_size=30).filter(str.strip))
def test_what_people_type_is_a_value_and_never_sql(text: str) -> None:
    typed = ClipQuery.read([("q", text), ("word", text), ("reason", text)]).where()

    harmless = ClipQuery.read([("q", "x"), ("word", "x"), ("reason", "x")]).where()

    assert typed.sql == harmless.sql
    assert set(typed.values) == {text}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("sort", "desirable; DROP TABLE clips", "sort is 'desirable; DROP TABLE clips', expected one of level_range"),
        ("order", "desc, (SELECT 1)", "expected one of asc, desc"),
        ("outcome", "KEPT", "outcome is 'KEPT', expected one of kept, rejected, failed"),
        ("min_desirable OR 1=1", "1", "none of the filters"),
        ("min_clip_id", "1", "none of the filters"),
        ("min_desirable", "nan", "min_desirable is 'nan', expected a number"),
        ("max_desirable", "1 OR 1=1", "expected a number"),
        ("subjects", "-1", "expected a whole number from 0"),
        ("q", "a" * 201, "q has 201 letters, expected at most 200"),
    ],
)
def test_what_is_no_filter_is_refused_in_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"address|expected") as caught:
        ClipQuery.read([(name, value)])

    assert sentence in str(caught.value)


def test_fields_left_empty_ask_for_nothing() -> None:
    assert ClipQuery.read([("q", ""), ("min_desirable", " "), ("subjects", ""), ("sort", "")]) == ClipQuery()
