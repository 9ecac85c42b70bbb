"""The pages as people use them, in a real Chromium: `make setup-browser`, then `make test-browser`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataset_schema import Sample, read_shard, shard_paths
from tests.pipelines.browser.asking import Served
from tests.pipelines.browser.chromium import Window
from tests.pipelines.conftest import clip_id

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)


@pytest.fixture(params=WIDTHS)
def pages(request: pytest.FixtureRequest, chromium: Window, site: Served) -> Iterator[Window]:
    """A window of one width; at its end nothing may have been complained about, or fetched from elsewhere."""
    chromium.size(request.param, 900)
    chromium.requests.clear()
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []
    # Chromium draws the buttons of its player from addresses that hold their content.
    fetched = [address for address in chromium.requests if not address.startswith("data:")]
    assert [address for address in fetched if not address.startswith(home(site))] == []


def home(site: Served) -> str:
    return f"http://127.0.0.1:{site.port}"


def wait_for_pictures(pages: Window) -> None:
    """Scroll through the page, until every picture has come."""
    pages.value("""
        (async () => {
          for (let y = 0; y < document.body.scrollHeight; y += 400) {
            scrollTo(0, y);
            await new Promise(done => setTimeout(done, 50));
          }
        })()
    """)
    pages.wait_for("[...document.images].every(each => each.complete && each.naturalWidth > 0)")


@pytest.mark.parametrize("address", ["/", "/clips", "/clips?outcome=rejected", f"/clip/{clip_id(0)}", "/clip/nothing"])
def test_every_page_fits_its_width_and_its_pictures_say_what_they_show(
    pages: Window, site: Served, address: str
) -> None:
    pages.open(home(site) + address)
    wait_for_pictures(pages)

    assert pages.value("document.documentElement.scrollWidth <= innerWidth")
    assert pages.value("[...document.images].every(each => each.alt.trim())")
    assert pages.value("[...document.querySelectorAll('input, select')].every(each => each.labels.length)")
    if address == "/clip/nothing":
        pages.complaints.clear()  # of the status of the page itself


def test_a_person_searches_filters_and_opens_a_clip_by_the_keyboard(pages: Window, site: Served) -> None:
    pages.open(f"{home(site)}/clips?outcome=kept")
    pages.press("/")
    assert pages.value("document.activeElement.name") == "q"

    pages.write("bird")
    pages.press("Enter")
    pages.wait_for("location.search.includes('q=bird')")

    captions = pages.value("[...document.querySelectorAll('.cards .caption')].map(each => each.textContent)")
    assert captions
    assert all("bird" in caption for caption in captions)
    assert "min_" not in pages.value("location.search")  # fields that were left empty are not in the address
    pages.value("document.querySelector('.cards a').focus()")
    pages.press("Enter")
    pages.wait_for("location.pathname.startsWith('/clip/')")
    assert "q=bird" in pages.value("location.search")


def test_a_bound_that_is_typed_filters_the_gallery(pages: Window, site: Served) -> None:
    pages.open(f"{home(site)}/clips?outcome=kept")
    pages.click("details summary")
    pages.click("input[name=min_desirable]")
    pages.write("0.85")
    pages.click("form.filters button")

    pages.wait_for("location.search.includes('min_desirable=0.85')")
    assert pages.value("document.querySelector('h1').textContent") == "3 clips"


def test_arrow_keys_lead_through_the_clips_and_back_to_the_gallery(pages: Window, site: Served) -> None:
    pages.open(f"{home(site)}/clip/{clip_id(0)}?outcome=kept&sort=desirable&order=desc")

    pages.press("ArrowRight")
    pages.wait_for("document.querySelector('.steps')?.textContent.includes('2 of 6')")
    pages.press("ArrowRight")
    pages.wait_for("document.querySelector('.steps')?.textContent.includes('3 of 6')")
    pages.press("ArrowLeft")
    pages.wait_for("document.querySelector('.steps')?.textContent.includes('2 of 6')")
    pages.press("Escape")

    pages.wait_for("location.pathname === '/clips' && location.search.includes('sort=desirable')")


def test_the_video_plays_and_can_be_sought(pages: Window, site: Served, small_dataset: Path) -> None:
    sample = next(iter(read_shard(shard_paths(small_dataset, Sample)[0], Sample)))
    pages.open(f"{home(site)}/clip/{sample.clip_id}")
    video = "document.querySelector('video')"
    pages.wait_for(f"{video}.readyState >= 1")
    assert pages.value(f"{video}.duration") == pytest.approx(sample.num_frames / sample.fps, abs=0.05)
    assert pages.value(f"[{video}.videoWidth, {video}.videoHeight]") == [sample.width, sample.height]

    pages.value(f"{video}.play()")
    pages.wait_for(f"{video}.currentTime > 0.2")
    pages.value(f"{video}.pause(); {video}.currentTime = 0.9")

    pages.wait_for(f"!{video}.seeking && Math.abs({video}.currentTime - 0.9) < 0.05")
    assert pages.value(f"{video}.error") is None


@pytest.mark.parametrize("width", WIDTHS)
def test_a_person_follows_a_difference_to_the_clip_in_the_other_dataset(
    chromium: Window, width: int, both: Served
) -> None:
    chromium.size(width, 900)
    chromium.complaints.clear()
    chromium.open(f"{home(both)}/compare")
    assert chromium.value("document.documentElement.scrollWidth <= innerWidth")
    chromium.click('.crossings a[href*="now=rejected"]')
    chromium.wait_for("location.pathname === '/compare/clips'")
    wait_for_pictures(chromium)
    assert chromium.value("document.documentElement.scrollWidth <= innerWidth")
    assert chromium.value("[...document.images].every(each => each.alt.trim())")

    chromium.click('.side a[href^="/second/clip/"]')
    chromium.wait_for("location.pathname.startsWith('/second/clip/')")
    assert "slight motion" in chromium.value("document.querySelector('.verdict').textContent")
    assert chromium.complaints == []


def test_pictures_that_nobody_sees_are_not_fetched(pages: Window, site: Served) -> None:
    pages.size(390, 500)
    pages.open(f"{home(site)}/clips")
    pages.wait_for("document.images[0].complete && document.images[0].naturalWidth > 0")

    cards = [address for address in pages.requests if "/card/" in address]

    assert 0 < len(cards) < pages.value("document.images.length")


def test_a_slider_shows_what_would_change_and_can_be_shared(pages: Window, site: Served) -> None:
    pages.open(f"{home(site)}/what-if")
    pages.value("document.querySelector('input[name=\"content_filter.min_desirable\"]').focus()")
    pages.press("ArrowRight")
    pages.wait_for("location.search === '?content_filter.min_desirable=0.31'")

    assert "0.31" in pages.value("document.querySelector('.command').textContent")
    assert pages.value("document.documentElement.scrollWidth <= innerWidth")
    pages.open(f"{home(site)}/what-if?content_filter.min_desirable=0.82")
    assert pages.value("document.querySelector('.changes .number:not(th)').textContent") == "3"
    assert pages.value("document.querySelector('[name=\"content_filter.min_desirable\"]').value") == "0.82"


def test_what_others_wrote_does_not_run(pages: Window, site: Served) -> None:
    pages.open(f"{home(site)}/clip/{clip_id(1001)}")
    wait_for_pictures(pages)

    assert "<script>alert(" in pages.value("document.querySelector('h1').textContent")
    assert pages.value("document.scripts.length") == 1
    assert pages.value("[...document.images].every(each => each.src.startsWith(location.origin))")


def test_a_picture_that_cannot_be_shown_is_replaced_by_the_reason(
    chromium: Window, small_dataset: Path, tmp_path: Path
) -> None:
    from tests.pipelines.browser.conftest import served

    broken = Path(shutil.copytree(small_dataset, tmp_path / "broken"))
    sample = next(iter(read_shard(shard_paths(broken, Sample)[0], Sample)))
    video = sample.video.bytes or b""
    shard = shard_paths(broken, Sample)[0]
    assert isinstance(shard, Path)
    shard.write_bytes(shard.read_bytes().replace(video, bytes(len(video))))
    with served(broken, tmp_path) as site:
        chromium.open(f"{home(site)}/clips?outcome=kept")

        chromium.wait_for("document.querySelector('.cards .nothing')")
        assert "cannot be decoded" in chromium.value("document.querySelector('.cards .nothing').textContent")
        chromium.open("about:blank")  # or what it still fetches is complained about when the server is gone
