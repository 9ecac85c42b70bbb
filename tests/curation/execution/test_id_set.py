import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.execution.id_set import IdSet

IDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
# Eight bytes are compared first.
IDS |= IDS.map("just as ".__add__)


@given(chunks=st.lists(st.lists(IDS, max_size=6), max_size=4), others=st.lists(IDS, max_size=4))
def test_it_is_the_set_of_its_ids_however_they_are_divided(chunks: list[list[str]], others: list[str]) -> None:
    expected = {each for chunk in chunks for each in chunk}

    ids = IdSet(pa.chunked_array(chunks, pa.string()))

    assert (list(ids), len(ids)) == (sorted(expected, key=str.encode), len(expected))
    assert [each in ids for each in [*expected, *others]] == [True] * len(expected) + [
        each in expected for each in others
    ]
