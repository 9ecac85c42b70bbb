"""Two datasets side by side, held against what was written into either."""

from pathlib import Path
from urllib.parse import quote

import pytest

from dataset_schema import Sample
from pipelines.browser.guard import Access
from pipelines.verbs.browse import browser_of, names_apart
from tests.pipelines.browser.asking import Page, Served
from tests.pipelines.browser.conftest import GONE, HOSTILE, REJECTED, RESCORED, REWORDED, records, running_server


@pytest.fixture(scope="session")
def kept(small_dataset: Path) -> list[Sample]:
    return records(small_dataset, Sample)


def shown(page: Page, base: str = "") -> list[str]:
    """The ids of the clips that a page links to in one of the datasets."""
    links = [link["href"] for link in page.all("a")]
    return [link.removeprefix(f"{base}/clip/").partition("?")[0] for link in links if link.startswith(f"{base}/clip/")]


def test_every_number_of_the_overview_leads_to_as_many_clips(both: Served) -> None:
    links = [link for link in both.get("/compare").page.all("a") if link["href"].startswith("/compare/clips")]

    counts = [int(link["aria-label"].split()[0]) for link in links]
    found = [both.get(link["href"]).page for link in links]

    assert len(links) >= 6
    assert [int(page.text.partition(" clip")[0].split()[-1]) for page in found] == counts
    assert all(set(shown(page)) | set(shown(page, "/second")) for page in found)


def test_what_ended_otherwise_is_shown_as_either_dataset_has_it(both: Served, kept: list[Sample]) -> None:
    fell = both.get("/compare/clips?was=kept&now=rejected").page
    gone = both.get("/compare/clips?was=kept&now=not+there").page

    assert shown(fell) == shown(fell, "/second") == [kept[REJECTED].clip_id]
    assert "content filter: slight motion desirable 0.5 <script>" in fell.text
    assert (shown(gone), shown(gone, "/second")) == ([kept[GONE].clip_id], [])
    assert "not there" in gone.text
    by_reason = f"was=kept&now={quote('rejected: slight_motion (content_filter)')}"
    assert shown(both.get(f"/compare/clips?{by_reason}").page) == [kept[REJECTED].clip_id]


def test_words_pictures_and_scores_that_differ_are_shown_side_by_side(both: Served, kept: list[Sample]) -> None:
    pictures = both.get("/compare/clips?what=num_references").page
    scores = both.get("/compare/clips?what=subject_confidence").page

    count = sum(len(entity.references) for entity in kept[REWORDED].entities)
    fewer = count - len(kept[REWORDED].entities[0].references) + 1
    assert shown(pictures) == [kept[REWORDED].clip_id]
    assert f"num references {count} " in pictures.text
    assert f"num references {fewer} " in pictures.text
    assert shown(scores) == [kept[RESCORED].clip_id]
    assert "subject confidence 0.8 " in scores.text
    assert "subject confidence 0.6 " in scores.text


def test_limits_settings_and_funnels_stand_beside_one_another(both: Served) -> None:
    text = both.get("/compare").page.text

    assert "desirable >= 0.3 desirable >= 0.72" in text
    assert "config.curation.content_filter.min_desirable null 0.72" in text
    assert "read 11 = kept 6 + rejected 3 + failed 2" in text
    assert "read 10 = kept 4 + rejected 4 + failed 2" in text
    labels = [picture["aria-label"] for picture in both.get("/compare").page.all("svg")]
    assert "6 of 7 passed; still_foreground 1" in labels
    assert "4 of 6 passed; slight_motion 1, still_foreground 1" in labels


def test_each_dataset_has_its_own_pages_and_media(both: Served, kept: list[Sample], other_dataset: Path) -> None:
    clip = f"/second/clip/{kept[RESCORED].clip_id}"
    page = both.get(clip).page

    assert "subject confidence 0.6" in page.text
    assert all(place.startswith(("/second/", "/static/", "/compare")) for place in places(page))
    assert both.get(f"/second/media/{kept[RESCORED].clip_id}/0").body == kept[RESCORED].video.bytes
    assert both.get(f"/second/clip/{kept[GONE].clip_id}").status == 404
    for address in ("/second/", "/second/clips?outcome=rejected", "/second/what-if", "/second/clip/nothing"):
        assert all(place.startswith(("/second/", "/static/", "/compare")) for place in places(both.get(address).page))


def places(page: Page) -> list[str]:
    return [tag[name] for _, tag in page.tags for name in ("src", "href", "data-src", "action") if name in tag]


@pytest.mark.parametrize("address", ["/compare", "/compare/clips?was=kept&now=rejected", "/second/clips"])
def test_the_guard_stands_before_these_pages_too(both: Served, address: str) -> None:
    answer = both.get(address)

    assert both.get(address, Host="evil.example").status == 421
    assert both.get(address, method="POST").status == 405
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script>alert" not in answer.text
    assert not [name for _, tag in answer.page.tags for name in tag if name == "style" or name.startswith("on")]


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("", 400, "expected was and now, or what"),
        ("was=kept", 400, "expected was and now, or what"),
        (f"{quote(HOSTILE)}=1", 400, "expected was and now, or what"),
        ("was=kept&now=rejected&page=x", 400, "page is 'x', expected a whole number"),
        ("was=kept&now=rejected&page=2", 404, "there is no page 2, the last one is 1"),
        (f"what={'a' * 201}", 400, "more than 200 letters"),
        (f"what={quote(HOSTILE)}", 200, "No clip is like that."),
        ("was=kept&now=' OR 1=1 --".replace(" ", "%20"), 200, "No clip is like that."),
    ],
)
def test_an_address_that_asks_for_nothing_is_answered_in_a_sentence(
    both: Served, query: str, status: int, sentence: str
) -> None:
    answer = both.get(f"/compare/clips?{query}")

    assert answer.status == status
    assert sentence in answer.page.text
    assert "<script>alert" not in answer.text


def test_without_another_dataset_there_is_nothing_to_compare(site: Served) -> None:
    assert site.get("/compare").status == 404
    assert "/compare" not in places(site.get("/").page)


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    assert names_apart(tmp_path / "a/dataset", tmp_path / "b/dataset") == ("a/dataset", "b/dataset")
    assert names_apart(tmp_path / "a", tmp_path / "b") == ("a", "b")
    with pytest.raises(ValueError, match="the dataset itself"):
        browser_of(tmp_path, tmp_path / "x" / "..", tmp_path)


def test_a_page_for_which_memory_does_not_suffice_says_so(
    small_dataset: Path, other_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.browser.compare_pages._MEMORY", "1KB")
    browser = browser_of(small_dataset, other_dataset, tmp_path)

    with running_server(browser.app(Access())) as port:
        answer = Served(port=port, browser=browser, dataset=small_dataset).get("/compare")

    assert answer.status == 503
    assert "this page needs more memory than it may take" in answer.page.text
