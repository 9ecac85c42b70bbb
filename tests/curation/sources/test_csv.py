import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.sources import SourcesConfig, read_sources
from tests.curation.sources.inputs import clips, failures, names, read, write


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_the_header_says_what_separates_the_fields(tmp_path: Path, delimiter: str, ending: str) -> None:
    rows = [["video", "caption", "end_s"], ["a.mp4", "A dog, a cat; and | a bird.", "2.5"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)

    (clip,) = clips(read(write(tmp_path / f"m.{ending}", text.getvalue())))

    assert (clip.caption, clip.source.end_s) == ("A dog, a cat; and | a bird.", 2.5)


def test_commas_are_decimal_points_where_semicolons_separate(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video;caption;start_s;end_s\na.mp4;A dog, a cat.;0,5;1,25\n")

    (clip,) = clips(read(path))

    assert (clip.caption, clip.source.start_s, clip.source.end_s) == ("A dog, a cat.", 0.5, 1.25)


def test_semicolons_in_captions_alone_separate_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video,caption\na.mp4,A dog; a cat; a bird.\nb.mp4,A fox; a hen.\n")

    assert [clip.caption for clip in clips(read(path))] == ["A dog; a cat; a bird.", "A fox; a hen."]


def test_rows_that_a_spreadsheet_left_empty_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video,caption,,\r\na.mp4,A dog.,,\r\n,,,\r\nb.mp4,A cat.,,\r\n , ,,\r\n,,,\r\n")

    assert [clip.caption for clip in clips(read(path))] == ["A dog.", "A cat."]
    assert len(read_sources(path, SourcesConfig())) == 2


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_line_that_tells_a_spreadsheet_what_separates_is_no_header(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "m.csv", f'{line}\r\nvideo;caption\r\na.mp4;A dog.\r\nb.mp4;A "cat".\r\n;A fox.\r\n')

    records = read(path)

    assert [clip.caption for clip in clips(records)] == ["A dog.", 'A "cat".']
    assert [failure.message.partition(":")[0] for failure in failures(records)] == ["line 5 of m.csv"]


def test_blanks_after_the_commas_do_not_break_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", 'video, caption\na.mp4, "A dog, running."\n')

    assert [clip.caption for clip in clips(read(path))] == ["A dog, running."]


def test_columns_and_surplus_fields_without_a_name_and_text_are_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", ",video,caption,\n0,a.mp4,A dog.,\n1,b.mp4,A cat.,,,\n")

    records = read(path)

    assert [(clip.caption, clip.extra) for clip in clips(records)] == [("A dog.", "{}"), ("A cat.", "{}")]


def test_captions_with_line_breaks_commas_and_quotes_are_read_whole(tmp_path: Path) -> None:
    caption = 'A dog,\nsays "woof"\nb.mp4\n\nand a cat, too.'
    path = write(
        tmp_path / "m.csv", 'video,caption\na.mp4,"{}"\nb.mp4,A "tame" fox.\n'.format(caption.replace('"', '""'))
    )

    assert [clip.caption for clip in clips(read(path))] == [caption, 'A "tame" fox.']


ROWS = ["a.mp4,Birds fly.", "b.mp4,{}", "c.mp4,Birds fly.", 'd.mp4,"Birds, too."', "e.mp4,Birds fly."]


@pytest.mark.parametrize(
    "caption",
    [
        '"Look, birds fly.',  # never closed, or closed where the next quoted caption begins
        '"Look, birds fly.\u201d',  # closed by another sign
        '"Look, birds fly.""',  # doubled at the end
    ],
)
def test_a_quote_that_swallows_rows_stops_the_run_and_its_line_is_named(tmp_path: Path, caption: str) -> None:
    for rows in (ROWS, ROWS[:3]):
        path = write(tmp_path / "m.csv", "\n".join(["video,caption", *rows]).format(caption) + "\n")

        with pytest.raises(ValueError, match=r"line 3 of .*m\.csv has a quote that swallows the rows below"):
            read_sources(path, SourcesConfig())


def test_a_quote_that_swallows_every_other_row_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", 'video,caption\na.mp4,"Birds fly.\nb.mp4,A screen of 40"\n')

    with pytest.raises(ValueError, match=r"line 2 of .*m\.csv has a quote .*line 3 looks like a row"):
        read_sources(path, SourcesConfig())


def test_a_quote_that_is_closed_by_an_inch_two_rows_below_is_found_all_the_same(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.csv", 'video,caption\na.mp4,"Birds fly.\nb.mp4,Birds.\nc.mp4,A screen of 40"\nd.mp4,Hm.\n'
    )

    with pytest.raises(ValueError, match=r"line 2 of .*m\.csv has a quote .*line 3 looks like a row"):
        read_sources(path, SourcesConfig())


def test_a_quote_that_swallows_the_header_stops_the_run(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", '"video,caption\na.mp4,A dog.\n')

    with pytest.raises(ValueError, match=r"m\.csv has a quote in its header"):
        read_sources(path, SourcesConfig())


@pytest.mark.parametrize("caption", ['"He says "hi" there."', '"He says \\"hi\\" there."', '"Big" birds'])
def test_quotes_that_go_wrong_within_a_line_cost_that_row(tmp_path: Path, caption: str) -> None:
    path = write(tmp_path / "m.csv", f"video,caption\na.mp4,Birds fly.\nb.mp4,{caption}\nc.mp4,Birds fly.\n")

    records = read(path)

    assert names(records) == ["a.mp4", "c.mp4"]
    assert [failure.message.split(" (")[0] for failure in failures(records)] == [
        "line 3 of m.csv: cannot be read as CSV"
    ]


captions = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters='\n",;')).map(
    lambda text: f"A {text.strip()}."
)


@given(captions=st.lists(captions, min_size=1, max_size=5), end=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_library_writes_is_read_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, captions: list[str], end: str
) -> None:
    text = io.StringIO()
    rows = [[f"{number}.mp4", caption] for number, caption in enumerate(captions)]
    csv.writer(text, lineterminator=end).writerows([["video", "caption"], *rows])
    path = write(tmp_path_factory.mktemp("csv") / "m.csv", text.getvalue())

    assert [clip.caption for clip in clips(read(path))] == captions


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding_and_is_no_part_of_the_first_name(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "m.csv", "video\tcaption\r\nä.mp4\tA dög.\r\n".encode(encoding))

    assert [(Path(clip.source.uri).name, clip.caption) for clip in clips(read(path))] == [("ä.mp4", "A dög.")]


def test_text_that_breaks_off_in_utf_16_stops_before_anything_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video,caption\na.mp4,A dog.\n".encode("utf-16")[:-1])

    with pytest.raises(ValueError, match=r"m\.csv is not UTF-16 to its end"):
        read_sources(path, SourcesConfig())
