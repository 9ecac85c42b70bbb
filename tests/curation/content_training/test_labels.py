"""Label files: what people said, read to the letter; whether they agree; who trains and who judges."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.agreement import measure_agreement
from curation.content_training.labels import ClipLabel, decide_labels, read_labels
from curation.content_training.splits import split_by_video
from dataset_schema import Source

HEADER = "clip,start_s,end_s,label,annotator\n"


def source_of(video: str, start_s: float | None = None, end_s: float | None = None) -> Source:
    return Source(id=f"{video}-{start_s}-{end_s}", uri=video, start_s=start_s, end_s=end_s)


def votes(*by_clip: str) -> list[ClipLabel]:
    """A letter for each annotator's label: `votes("dds", "dd")` are three labels of one clip and two of another."""
    letters = dict(zip("dsmir", range(5), strict=True))
    return [
        ClipLabel(source_of(f"{clip}.mp4"), letters[letter], f"annotator {number}")
        for clip, row in enumerate(by_clip)
        for number, letter in enumerate(row)
    ]


def write(path: Path, rows: str, header: str = HEADER) -> Path:
    path.write_text(header + rows, encoding="utf-8")
    return path


def test_reads_who_says_what_of_which_part_of_which_video(tmp_path: Path) -> None:
    file = write(tmp_path / "labels.csv", '"a,b.mp4",1.5,4,desirable,Ann\nsub/c.mp4,,,screen_recording, Bo \n')

    one, two = read_labels([file]).given

    assert (one.source.uri, one.source.start_s, one.source.end_s) == (str(tmp_path / "a,b.mp4"), 1.5, 4.0)
    assert (one.label, one.annotator) == (0, "Ann")
    assert (two.source.uri, two.source.start_s, two.source.end_s) == (str(tmp_path / "sub/c.mp4"), None, None)
    assert (two.label, two.annotator) == (4, "Bo")


def test_spans_may_be_left_out_and_rows_may_still_be_empty(tmp_path: Path) -> None:
    file = write(tmp_path / "labels.csv", "a.mp4,desirable,Ann\nb.mp4,,\n", header="clip,label,annotator\n")

    labels = read_labels([file])

    assert ([label.source.uri for label in labels.given], labels.unlabelled) == ([str(tmp_path / "a.mp4")], 1)


def test_two_spellings_of_one_path_are_one_clip(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    one = write(tmp_path / "labels.csv", "a.mp4,,,desirable,Ann\n")
    two = write(tmp_path / "sub" / "labels.csv", "../a.mp4,,,slight_motion,Bo\n")

    first, second = read_labels([one, two]).given

    assert first.source == second.source


def test_every_bad_row_is_named_by_its_line_with_what_was_found_and_expected(tmp_path: Path) -> None:
    rows = [
        "a.mp4,,,desirable,Ann",
        "a.mp4,,,good,Ann",
        "a.mp4,,,Desirable,Ann",
        "b.mp4,,,desirable,",
        ",,,desirable,Ann",
        "c.mp4,x,,desirable,Ann",
        "c.mp4,-1,,desirable,Ann",
        "c.mp4,nan,,desirable,Ann",
        "c.mp4,4,2,desirable,Ann",
        "s3://bucket/d.mp4,,,desirable,Ann",
        "a.mp4,,,slight_motion,Ann",
        "e.mp4,,,desirable,Ann,more",
        "f.mp4,,",
    ]
    file = write(tmp_path / "labels.csv", "\n".join(rows) + "\n")

    with pytest.raises(ValueError, match="12 bad rows") as error:
        read_labels([file])

    found = str(error.value).splitlines()[1:]
    assert [int(line.split()[1]) for line in found] == list(range(3, 15))
    expected = [
        *("'good', expected one of desirable", "'Desirable', expected", "annotator is empty", "clip is empty"),
        *(
            "start_s is 'x'",
            "start_s is '-1'",
            "start_s is 'nan'",
            "end_s is 2, expected more than start_s, which is 4",
        ),
        *("s3://bucket/d.mp4", "'Ann' labels the clip of line 2 of labels.csv again", "more fields", "fewer fields"),
    ]
    assert [part in line for part, line in zip(expected, found, strict=True)] == [True] * 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"clip;label;annotator\n", "separated by commas"),
        (b"clip,lable,annotator\n", "lable"),
        (b"clip,label,annotator,note\n", "note"),
        (b"", "none"),
        (b"clip,label,annotator\n\xff.mp4,desirable,Ann\n", "UTF-8 at byte 21"),
        (b'clip,label,annotator\n"a.mp4,desirable,Ann\n', "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_label_file_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)

    with pytest.raises(ValueError, match=message):
        read_labels([tmp_path / "labels.csv"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_label_file_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "labels.csv").write_text("clip,label,annotator\r\na.mp4,desirable,Änn\r\n", encoding=encoding)

    (label,) = read_labels([tmp_path / "labels.csv"]).given

    assert (label.source.uri, label.annotator) == (str(tmp_path / "a.mp4"), "Änn")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="label-clips"):
        read_labels([tmp_path / "labels.csv"])


def test_the_majority_decides_and_ties_are_set_aside() -> None:
    decided = decide_labels(votes("dds", "ds", "m", "ddss", "sdd"))

    assert {source.uri: label for source, label in decided.labels.items()} == {"0.mp4": 0, "2.mp4": 2, "4.mp4": 0}
    assert decided.ties == 2


def test_agreement_is_fleiss_kappa() -> None:
    """The worked example that is often reprinted: 10 subjects, 14 raters, 5 categories, kappa 0.210."""
    table = [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
    rows = ["".join(letter * count for letter, count in zip("dsmir", row, strict=True)) for row in table]

    agreement = measure_agreement(votes(*rows))

    assert (agreement.annotators, agreement.clips, agreement.pairs) == (14, 10, 910)
    assert agreement.share == pytest.approx(0.378, abs=5e-4)
    assert agreement.kappa == pytest.approx(0.210, abs=5e-4)


def test_agreement_of_two_by_hand() -> None:
    agreement = measure_agreement(votes("dd", "dd", "ss", "ds", "m"))

    # 3 of 4 pairs; by chance (5/8)^2 + (3/8)^2 = 34/64.
    assert (agreement.clips, agreement.share) == (4, 0.75)
    assert agreement.kappa == pytest.approx((0.75 - 34 / 64) / (1 - 34 / 64))


def test_agreement_is_unknown_where_nobody_looked_twice_or_everybody_always_says_the_same() -> None:
    alone, unanimous = measure_agreement(votes("d", "s")), measure_agreement(votes("dd", "dd"))

    assert (alone.share, alone.kappa, unanimous.share, unanimous.kappa) == (None, None, 1.0, None)
    assert "unknown" in str(alone)


def many_clips() -> dict[Source, int]:
    """200 clips of 80 videos; every fifth video has one clip of another class."""
    rng = np.random.default_rng(3)
    labels = {}
    for video in range(80):
        label = int(rng.choice(5, p=[0.4, 0.2, 0.2, 0.1, 0.1])) if video > 20 else video % 5
        for part in range(int(rng.integers(1, 5))):
            stray = video % 5 == 0 and part == 2
            labels[source_of(f"{video}.mp4", float(part), part + 1.0)] = (label + stray) % 5
    return labels


def test_no_video_is_in_two_splits_and_no_clip_is_lost() -> None:
    labels = many_clips()

    split = split_by_video(labels, validation_share=0.2, test_share=0.2, seed=0)

    videos = [{source.uri for source in part} for part in split]
    assert not videos[0] & videos[1] | videos[0] & videos[2] | videos[1] & videos[2]
    assert Counter(source for part in split for source in part) == Counter(dict.fromkeys(labels, 1))


def test_every_split_has_its_share_of_every_class() -> None:
    labels = {source_of(f"{label}-{video}.mp4"): label for label in range(5) for video in range(5 + 10 * label)}

    split = split_by_video(labels, validation_share=0.2, test_share=0.4, seed=0)

    counts = [Counter(labels[source] for source in part) for part in split]
    assert counts[1] == {0: 1, 1: 3, 2: 5, 3: 7, 4: 9}
    assert counts[2] == {0: 2, 1: 6, 2: 10, 3: 14, 4: 18}


@pytest.mark.parametrize(("validation_share", "test_share"), [(0.05, 0.9), (0.9, 0.05), (0.49, 0.49)])
def test_something_of_every_class_is_left_in_every_split(validation_share: float, test_share: float) -> None:
    labels = {source_of(f"{label}-{video}.mp4"): label for label in range(5) for video in range(3 + label)}

    split = split_by_video(labels, validation_share=validation_share, test_share=test_share, seed=0)

    assert [{labels[source] for source in part} for part in split] == [set(range(5))] * 3


def test_the_seed_and_nothing_else_decides_the_split() -> None:
    labels = many_clips()
    backwards = dict(reversed(labels.items()))

    one, same, other = (
        {source.uri for source in split_by_video(given, validation_share=0.2, test_share=0.2, seed=seed).test}
        for given, seed in ((labels, 0), (backwards, 0), (labels, 1))
    )

    assert one == same != other


def test_a_class_with_too_few_videos_is_an_error() -> None:
    labels = {source_of(f"{label}-{video}.mp4"): label for label in range(4) for video in range(3)}
    labels |= {source_of("4-0.mp4", float(part), part + 1.0): 4 for part in range(9)}

    with pytest.raises(ValueError, match=f"{CONTENT_CLASSES[4]} 1; expected at least 3"):
        split_by_video(labels, validation_share=0.2, test_share=0.2, seed=0)
