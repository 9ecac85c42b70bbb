"""What the pages show, held against the records that were written."""

import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dataset_schema import SCHEMA_VERSION, EntityKind, RejectedClip, Sample, read_shard, shard_paths
from pipelines.browser import opened
from tests.pipelines.browser.asking import Page, Served
from tests.pipelines.browser.conftest import served
from tests.pipelines.conftest import clip_id


@pytest.fixture(scope="session")
def kept(small_dataset: Path) -> list[Sample]:
    return [sample for path in shard_paths(small_dataset, Sample) for sample in read_shard(path, Sample)]


def clips_on(page: Page) -> list[str]:
    """The ids of the clips that a page of the gallery links to, in order."""
    links = [link["href"] for link in page.all("a") if link["href"].startswith("/clip/")]
    return [link.removeprefix("/clip/").partition("?")[0] for link in links]


def found(site: Served, query: str) -> list[str]:
    answer = site.get(f"/clips?{query}")
    assert answer.status == 200, answer.page.text
    return clips_on(answer.page)


def ids(samples: Sequence[Sample]) -> list[str]:
    return [sample.clip_id for sample in samples]


def words(sample: Sample, kind: EntityKind | None = None) -> set[str]:
    return {entity.word.lower() for entity in sample.entities if kind in (None, entity.kind)}


def test_the_overview_counts_what_was_written(site: Served, kept: list[Sample]) -> None:
    page = site.get("/").page

    assert "read 11 = kept 6 + rejected 3 + failed 2" in page.text
    assert "single_shot_filter: entered 8, passed 7; several_shots 1" in page.text
    assert "decode: entered 10, passed 8; input 1, io 1" in page.text
    with_subjects = {word for sample in kept for word in words(sample, EntityKind.SUBJECT)}
    assert {
        link["href"].split("word=")[1].split("&")[0] for link in page.all("a") if "kind=subject" in link["href"]
    } == {word.replace(" ", "+") for word in with_subjects}


def test_the_overview_tells_how_fast_the_runs_were(site: Served) -> None:
    text = site.get("/").page.text

    assert "2026-03-01 08:00 9 2 h 0 min 0.00125" in text
    assert "2026-03-02 09:30 2 0.5 s 4" in text


def test_every_bar_of_a_histogram_leads_to_as_many_clips_as_it_says(site: Served) -> None:
    links = [link for link in site.get("/").page.all("a") if "min_desirable" in link["href"]]

    counts = [int(link["aria-label"].split()[0]) for link in links]

    assert sum(counts) == 7  # six kept ones, and the rejected one that came so far
    assert [len(found(site, link["href"].removeprefix("/clips?"))) for link in links] == counts


def test_limits_of_the_rules_stand_in_the_histograms(site: Served) -> None:
    text = site.get("/").page.text

    assert "asks for desirable >= 0.3" in text
    assert "asks for shot change < 0.5" in text


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("min_desirable=0.8", lambda s: s.scores.desirable >= 0.8),
        ("min_desirable=0.75&max_desirable=0.85", lambda s: 0.75 <= s.scores.desirable <= 0.85),
        ("min_desirable=0.99", lambda s: False),
        ("class=desirable", lambda s: True),
        ("class=slight_motion", lambda s: False),
        ("q=FLYING", lambda s: "flying" in s.caption.lower()),
        ("q=a", lambda s: "a" in s.caption.lower()),
        ("word=Bird", lambda s: "bird" in words(s)),
        ("word=bird&kind=background", lambda s: "bird" in words(s, EntityKind.BACKGROUND)),
        ("kind=object", lambda s: bool(words(s, EntityKind.OBJECT))),
        ("subjects=1", lambda s: sum(e.kind is EntityKind.SUBJECT for e in s.entities) == 1),
        ("subjects=2", lambda s: sum(e.kind is EntityKind.SUBJECT for e in s.entities) == 2),
        ("bucket=25x96x160", lambda s: True),
        ("bucket=17x96x160", lambda s: False),
        ("min_num_references=3", lambda s: sum(len(e.references) for e in s.entities) >= 3),
        ("min_num_references=4", lambda s: sum(len(e.references) for e in s.entities) >= 4),
    ],
)
def test_filters_find_the_clips_that_the_records_say(
    site: Served, kept: list[Sample], query: str, holds: Callable[[Sample], bool]
) -> None:
    assert found(site, f"outcome=kept&{query}") == ids([sample for sample in kept if holds(sample)])


def test_a_sorted_gallery_is_sorted_and_clips_without_the_score_come_last(site: Served, kept: list[Sample]) -> None:
    best_first = ids(sorted(kept, key=lambda sample: -(sample.scores.desirable or 0)))

    descending = found(site, "sort=desirable&order=desc")
    ascending = found(site, "sort=desirable")

    assert descending[:7] == [*best_first, clip_id(1001)]
    assert ascending[:7] == descending[6::-1]
    assert set(descending[7:]) == set(ascending[7:]) == {clip_id(n) for n in (1000, 1002, 2000, 2001)}


def test_next_and_previous_follow_the_order_of_the_query_and_can_be_shared(site: Served, kept: list[Sample]) -> None:
    expected = ids(sorted(kept, key=lambda sample: sample.scores.desirable or 0))
    address: str | None = f"/clip/{expected[0]}?outcome=kept&sort=desirable"

    seen = []
    while address is not None:
        page = site.get(address).page
        seen.append(address.removeprefix("/clip/").partition("?")[0])
        assert f"{len(seen)} of 6" in page.text
        address = page.link("next")

    assert seen == expected
    assert page.link("prev") is not None
    back = site.get(str(page.link("prev"))).page
    assert f"{len(seen) - 1} of 6" in back.text


def test_a_clip_that_the_query_does_not_find_is_shown_and_said_to_be_no_part_of_it(site: Served) -> None:
    page = site.get(f"/clip/{clip_id(0)}?outcome=rejected").page

    assert "not among the 3 clips of this query" in page.text
    assert page.link("next") is None


def test_media_are_the_bytes_that_were_written(site: Served, kept: list[Sample]) -> None:
    for sample in kept:
        pictures = [reference.image for entity in sample.entities for reference in entity.references]
        assert sample.background is not None
        for number, payload in enumerate([sample.video, *pictures, sample.background.image]):
            answer = site.get(f"/media/{sample.clip_id}/{number}")
            assert answer.body == payload.bytes
            assert answer.headers["content-type"] == ("image/png" if number else "video/mp4")


def test_a_video_can_be_sought_by_ranges(site: Served, kept: list[Sample]) -> None:
    video = kept[4].video.bytes or b""

    head = site.get(f"/media/{kept[4].clip_id}/0", method="HEAD")
    middle = site.get(f"/media/{kept[4].clip_id}/0", Range="bytes=1000-1999")
    end = site.get(f"/media/{kept[4].clip_id}/0", Range="bytes=-7")

    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(video)), b"")
    assert head.headers["accept-ranges"] == "bytes"
    assert (middle.status, middle.body) == (206, video[1000:2000])
    assert middle.headers["content-range"] == f"bytes 1000-1999/{len(video)}"
    assert (end.status, end.body) == (206, video[-7:])


def test_no_media_are_read_for_pages_and_of_pictures_only_those_that_are_fetched(
    small_dataset: Path, tmp_path: Path, kept: list[Sample]
) -> None:
    with served(small_dataset, tmp_path) as site:
        pages = [site.get("/").page, site.get("/clips").page, site.get(f"/clip/{kept[0].clip_id}").page]
        assert site.browser.media.bytes_read == 0
        assert all("src" not in image for page in pages for image in page.all("img"))

        site.get(f"/media/{kept[0].clip_id}/1")

        picture = kept[0].entities[0].references[0].image.bytes or b""
        assert site.browser.media.bytes_read == len(picture) + 16  # the first bytes tell what it is

        before = site.browser.media.bytes_read
        site.get(f"/media/{kept[0].clip_id}/0", Range="bytes=100-199")
        assert site.browser.media.bytes_read - before == 100 + 16


def test_cards_are_frames_of_the_clip_or_what_was_stored_of_it(site: Served, kept: list[Sample]) -> None:
    card = Image.open(io.BytesIO(site.get(f"/card/{kept[0].clip_id}").body))
    rejected = Image.open(io.BytesIO(site.get(f"/card/{clip_id(1000)}").body))

    assert card.size == (160, 96)
    with av.open(io.BytesIO(kept[0].video.bytes or b""), "r") as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.mean(np.abs(np.asarray(card, float) - first)) < 6  # what JPEG takes away
    assert rejected.size == (96, 54)
    assert np.abs(np.asarray(rejected, int) - (30, 160, 90)).max() < 12


def test_the_three_frames_are_outlined_where_the_masks_lie(site: Served, kept: list[Sample]) -> None:
    sample = kept[0]
    reference = sample.entities[0].references[0]
    assert reference.box is not None

    frame = np.asarray(Image.open(io.BytesIO(site.get(f"/frame/{sample.clip_id}/0").body)), int)

    reddish = (frame[..., 0] - frame[..., 1] > 60) & (frame[..., 0] - frame[..., 2] > 40)
    rows, columns = np.nonzero(reddish)
    box = reference.box
    assert abs(rows.min() - box.y0) <= 3
    assert abs(rows.max() - box.y1) <= 3
    assert abs(columns.min() - box.x0) <= 3
    assert abs(columns.max() - box.x1) <= 3


def test_a_kept_clip_shows_its_words_by_kind_its_pictures_and_what_fell_and_why(
    site: Served, kept: list[Sample]
) -> None:
    sample = kept[0]
    page = site.get(f"/clip/{sample.clip_id}").page

    assert sample.caption.replace(" ", "") in page.text.replace(" ", "")
    assert page.all("video")[0]["src"].startswith(f"/media/{sample.clip_id}/0")
    assert len(page.all("img", **{"class": "checkerboard"})) == 3
    assert "left out picture at 0.90 s too small: area 0.0010 < 0.01" in page.text
    assert "area 0.001 >= 0.01" in page.text
    assert "source videos/0000.mp4" in page.text
    assert "TransNetV2 1.0.5" in page.text


def test_a_rejected_clip_shows_its_reason_and_what_to_do(site: Served) -> None:
    text = site.get(f"/clip/{clip_id(1000)}").page.text

    assert "single shot filter: several shots" in text
    assert "shot change at 1.04 s with probability 0.98" in text
    assert "let curation cut it into its shots: --curation.several-shots split" in text


def test_a_failed_clip_shows_its_error_and_whether_it_may_pass(site: Served) -> None:
    lasting = site.get(f"/clip/{clip_id(2000)}").page.text
    passing = site.get(f"/clip/{clip_id(2001)}").page.text

    assert "ClipError: videos/note.mp4 is no video: a text file; leave it out" in lasting
    assert "--retry" not in lasting
    assert "curate again with --retry io" in passing


def test_the_terms_of_a_source_and_its_hashes_are_shown(site: Served) -> None:
    text = site.get(f"/clip/{clip_id(2001)}").page.text

    assert "licence <script>" in text  # as text: the page has no script of this kind
    assert "consent release 17 rights holder A. Person" in text
    assert f"SHA-256 of the source {'ab' * 32} perceptual hash {'cd' * 24}" in text
    assert "rights holder" not in site.get(f"/clip/{clip_id(2000)}").page.text


def test_pictures_say_what_they_show(site: Served, kept: list[Sample]) -> None:
    for address in ("/clips", f"/clip/{kept[0].clip_id}", f"/clip/{clip_id(1000)}"):
        for image in site.get(address).page.all("img"):
            assert image["alt"].strip(), address


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("/clip/0123456789abcdef", 404, "the dataset has no clip '0123456789abcdef'"),
        ("/clips?page=2", 404, "there is no page 2, the last one is 1"),
        ("/clips?page=-1", 400, "page is '-1', expected a whole number"),
        ("/clips?min_desirable=high", 400, "min_desirable is 'high', expected a number"),
        (f"/media/{clip_id(2000)}/0", 404, "does not say where its media stand"),
        (f"/media/{clip_id(1002)}/0", 404, "has 0 payloads"),
    ],
)
def test_a_wrong_address_is_answered_in_a_sentence(site: Served, address: str, status: int, sentence: str) -> None:
    answer = site.get(address)

    assert answer.status == status
    assert sentence in answer.page.text


@pytest.fixture
def copy(small_dataset: Path, tmp_path: Path) -> Path:
    """To be broken."""
    return Path(shutil.copytree(small_dataset, tmp_path / "copy"))


def test_a_dataset_of_another_version_is_said_on_the_page(copy: Path, tmp_path: Path) -> None:
    head = copy / "dataset.json"
    head.write_text(head.read_text().replace(f'"schema_version": "{SCHEMA_VERSION}"', '"schema_version": "9.0"'))

    with served(copy, tmp_path) as site:
        answer = site.get("/clips")

    assert answer.status == 503
    assert "has schema version 9.0" in answer.page.text


def test_a_shard_that_is_gone_is_said_on_the_page_and_then_its_clips_are(
    copy: Path, tmp_path: Path, kept: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "_LOOK_AGAIN_S", 3600.0)  # or a slow machine looks before the page is asked for
    with served(copy, tmp_path) as site:
        site.get("/clips")
        (copy / "samples/part-0001-000-00001.parquet").unlink()

        clip = site.get(f"/clip/{kept[4].clip_id}")
        picture = site.get(f"/media/{kept[4].clip_id}/1")
        site.browser._dataset.forget()
        left = clips_on(site.get("/clips?outcome=kept").page)

    assert "part-0001-000-00001.parquet is gone; put it back" in clip.page.text
    assert picture.status == 404
    assert "cannot be read any more" in picture.page.text
    assert left == ids(kept[:3])


def test_a_broken_picture_and_a_broken_video_are_said_in_their_places(
    copy: Path, tmp_path: Path, kept: list[Sample]
) -> None:
    video = kept[0].video.bytes or b""
    thumbnail = next(iter(read_shard(shard_paths(copy, RejectedClip)[0], RejectedClip))).thumbnail
    assert thumbnail is not None
    for shard, payload in (("samples", video), ("rejections", thumbnail.bytes or b"")):
        path = copy / shard / "part-0001-000-00000.parquet"
        content = path.read_bytes()
        assert content.count(payload) >= 1
        path.write_bytes(content.replace(payload, bytes(len(payload))))

    with served(copy, tmp_path) as site:
        page = site.get(f"/clip/{kept[0].clip_id}")
        card, frame = site.get(f"/card/{kept[0].clip_id}"), site.get(f"/frame/{kept[0].clip_id}/0")
        rejected = site.get(f"/card/{clip_id(1000)}")
        raw = site.get(f"/media/{kept[0].clip_id}/0")

    assert page.status == 200
    assert card.status == frame.status == rejected.status == 404
    assert "cannot be decoded" in card.page.text
    assert "gives no such frame" in frame.page.text
    assert "a stored picture cannot be shown" in rejected.page.text
    assert raw.headers["content-type"] == "application/octet-stream"


def test_while_a_run_writes_its_finished_clips_are_shown(copy: Path, tmp_path: Path) -> None:
    head = copy / "dataset.json"
    head.write_text(head.read_text().replace('"complete": true', '"complete": false'))
    later = copy / "samples/part-0001-000-00001.parquet"
    waiting = later.rename(tmp_path / "later.parquet")
    shutil.rmtree(copy / "index")

    with served(copy, tmp_path) as site:
        before = site.get("/clips?outcome=kept").page
        waiting.rename(later)
        site.browser._dataset.forget()
        after = site.get("/clips?outcome=kept").page

    assert "A run is writing this dataset, or was stopped" in before.text
    assert "The index lacks 8 clips" in before.text
    assert len(clips_on(before)) == 3
    assert len(clips_on(after)) == 6
