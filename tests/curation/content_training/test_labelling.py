"""Which clips people are asked to label, and what they look at."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from curation.content_training.choosing import sample_sources, spread_over_classes
from curation.content_training.contact_sheets import contact_sheet
from curation.content_training.labels import label_file, read_labels
from curation.content_training.real_clips import Lost, RealClip, Seen, decode_clips
from curation.records import Clip, Video
from curation.sources import SourcesConfig
from dataset_schema import FailedClip, Source
from tests.curation.made_videos import clip_of, read_barcode, write_barcodes


def seen(number: int, label: int = 0) -> Seen:
    """A clip whose first pixel is its predicted class."""
    source = Source(id=f"{number}", uri=f"/{number}.mp4")
    return Seen(Clip(clip_id=f"{number}", source=source, caption=""), np.full((16, 4, 4, 3), label, np.uint8), 9, 16)


def first_pixel(frames: Video) -> int:
    return int(frames[0, 0, 0, 0])


def refuse(frames: Video) -> int:
    raise AssertionError("nothing needs to be predicted")


def taken(labels: list[int], count: int) -> list[int]:
    """The classes of the clips that are chosen among candidates of these predicted classes."""
    footage = [seen(number, label) for number, label in enumerate(labels)]
    chosen = spread_over_classes(footage, candidates=len(footage), count=count, predict=first_pixel)
    return [first_pixel(item.frames) for item in chosen if isinstance(item, Seen)]


def test_rare_classes_get_their_share_and_common_ones_fill_up_the_rest() -> None:
    labels = [0] * 80 + [1] * 10 + [2] * 5 + [3] * 4 + [4]
    np.random.default_rng(0).shuffle(labels)

    found = taken(labels, 30)

    assert len(found) == 30
    counts = Counter(found)
    assert counts[0] <= 14  # 24 in a plain sample
    assert (counts[1] >= 6, counts[2], counts[3], counts[4]) == (True, 5, 4, 1)


def test_as_many_candidates_as_places_are_all_taken_without_a_prediction() -> None:
    footage: list[RealClip] = [seen(0), Lost("x.mp4", "no video"), seen(1)]

    found = list(spread_over_classes(footage, candidates=3, count=3, predict=refuse))

    assert found == footage


def test_a_lost_candidate_is_made_up_for_while_others_are_left() -> None:
    footage: list[RealClip] = [Lost("x.mp4", "no video"), seen(1), seen(2)]

    found = list(spread_over_classes(footage, candidates=3, count=2, predict=first_pixel))

    assert [item.clip.clip_id for item in found if isinstance(item, Seen)] == ["1", "2"]


def manifest(folder: Path, rows: int) -> Path:
    file = folder / "m.csv"
    file.write_text("video,start_s\n" + "".join(f"{row}.mp4,{'x' if row == 3 else 0}\n" for row in range(rows)))
    return file


def test_rows_are_drawn_at_random_by_the_seed(tmp_path: Path) -> None:
    file = manifest(tmp_path, 1000)

    draws = [sample_sources(file, SourcesConfig(), count=100, seed=seed) for seed in (0, 0, 1)]

    numbers = [[int(Path(row.source.uri).stem) for row in draw] for draw in draws]
    assert numbers[0] == numbers[1] != numbers[2]
    assert len(set(numbers[0])) == 100
    assert abs(np.mean(numbers[0]) - 500) < 100  # from the whole file,
    assert abs(np.corrcoef(numbers[0], range(100))[0, 1]) < 0.3  # in random order


def test_a_short_input_is_taken_whole_bad_rows_among_it(tmp_path: Path) -> None:
    drawn = sample_sources(manifest(tmp_path, 6), SourcesConfig(), count=100, seed=0)

    assert sorted(type(row) is FailedClip for row in drawn) == [False] * 5 + [True]


@pytest.mark.parametrize("workers", [1, 3])
def test_clips_are_decoded_in_order_and_bad_ones_say_why(tmp_path: Path, workers: int) -> None:
    whole = write_barcodes(tmp_path / "whole.mp4", 96)
    short = write_barcodes(tmp_path / "short.mp4", 5)
    clips = [clip_of(whole, 2.0), clip_of(tmp_path / "absent.mp4"), clip_of(short), clip_of(whole, None, 2.0)]

    late, absent, brief, early = decode_clips(clips, workers=workers)

    assert isinstance(absent, Lost)
    assert isinstance(brief, Lost)
    assert ("no such file" in absent.reason, "too_short" in brief.reason) == (True, True)
    assert isinstance(late, Seen)
    assert isinstance(early, Seen)
    # The middles of 16 equal parts of 48 frames: 1, 4, 7 ...
    assert [read_barcode(frame) for frame in early.frames] == list(range(1, 48, 3))
    assert [read_barcode(frame) for frame in late.frames] == list(range(49, 96, 3))
    assert (early.height, early.width) == (180, 320)


def test_a_sheet_shows_the_frames_row_by_row_in_the_videos_own_shape(tmp_path: Path) -> None:
    (clip,) = decode_clips([clip_of(write_barcodes(tmp_path / "v.mp4", 48))], workers=1)
    assert isinstance(clip, Seen)

    sheet = contact_sheet(clip)

    assert sheet.shape == (4 * 135, 4 * 240, 3)
    tiles = [sheet[y : y + 135, x : x + 240] for y in range(0, 540, 135) for x in range(0, 960, 240)]
    assert [read_barcode(tile) for tile in tiles] == list(range(1, 48, 3))


HOSTILE = Source(id="0", uri="/videos/a \"b\", <i>&amp;'c'.mp4", start_s=1.5, end_s=4.25)
PLAIN = Source(id="1", uri="/videos/plain.mp4")


def test_the_blank_label_file_is_one_that_can_be_read_and_filled(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(label_file((source, "", "Ann, B.") for source in (HOSTILE, PLAIN)))
    blank = read_labels([file])

    filled = list(csv.DictReader(file.read_text().splitlines()))
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(filled[0]))
        writer.writeheader()
        writer.writerows(row | {"label": "slight_motion"} for row in filled)

    assert (blank.given, blank.unlabelled) == ((), 2)
    one, two = read_labels([file]).given
    assert (one.source.uri, one.source.start_s, one.source.end_s) == (HOSTILE.uri, 1.5, 4.25)
    assert (one.annotator, two.source.uri, two.source.start_s) == ("Ann, B.", PLAIN.uri, None)
