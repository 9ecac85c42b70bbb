"""Labelling as people do it, with the keys of a real Chromium: `make setup-browser`, then `make test-browser`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pipelines.browser.guard import Access
from pipelines.browser.label_folder import LabelFolder, sheet_name
from pipelines.browser.label_pages import LabelPages
from tests.pipelines.browser.chromium import Window
from tests.pipelines.browser.conftest import running_server
from tests.pipelines.browser.test_labels import TOKEN, make_folder, said_by

pytestmark = pytest.mark.browser


def draw_sheet(file: Path) -> None:
    """Sixteen tiles of 240x135, each of a level of its own."""
    sheet = Image.new("RGB", (960, 540))
    draw = ImageDraw.Draw(sheet)
    for tile in range(16):
        left, top = tile % 4 * 240, tile // 4 * 135
        draw.rectangle((left, top, left + 239, top + 134), fill=(10 * tile, 10 * tile, 10 * tile))
    sheet.save(file)


@pytest.fixture(params=[1280, 390])
def opened(request: pytest.FixtureRequest, chromium: Window, tmp_path: Path) -> Iterator[tuple[Window, Path]]:
    """The second clip, at one width; at its end nothing may have been complained about, or fetched from elsewhere."""
    folder = make_folder(tmp_path / "labels")
    for place in range(4):
        draw_sheet(folder / sheet_name(place))
    with running_server(LabelPages(LabelFolder(folder, "anna")).app(Access(write_token=TOKEN))) as port:
        chromium.size(request.param, 900)
        chromium.requests.clear()
        chromium.complaints.clear()
        chromium.open(f"http://127.0.0.1:{port}/clip/2")
        yield chromium, folder
        assert chromium.complaints == []
        assert [each for each in chromium.requests if not each.startswith(f"http://127.0.0.1:{port}/")] == []
        chromium.open("about:blank")


def test_keys_label_clips_skip_and_undo(opened: tuple[Window, Path]) -> None:
    window, folder = opened
    window.press("3")
    window.wait_for("location.pathname === '/clip/3'")
    window.press("0")
    window.wait_for("location.pathname === '/clip/4'")
    window.press("1")
    window.wait_for("location.pathname === '/clip/1'")
    assert said_by(folder, "anna") == {"1.mp4": "slight_motion", "3.mp4": "desirable"}

    window.press("u")
    window.wait_for("location.pathname === '/clip/4'")

    assert window.value("document.querySelectorAll('[aria-pressed=true]').length") == 0
    assert said_by(folder, "anna") == {"1.mp4": "slight_motion"}


def test_the_sheet_plays_as_a_film_and_the_page_fits_its_width(opened: tuple[Window, Path]) -> None:
    window, _ = opened
    level = "document.querySelector('canvas').getContext('2d').getImageData(120, 67, 1, 1).data[0]"

    assert window.value("document.documentElement.scrollWidth <= innerWidth")
    assert window.value("[...document.querySelectorAll('button')].every(each => each.textContent.trim())")
    window.wait_for(f"{level} === 10")
    window.wait_for(f"{level} === 20")  # the tile beside it
    window.wait_for(f"{level} === 50")  # the second of the next row
    window.complaints.clear()  # of looking so often


def test_what_could_not_be_saved_is_said(opened: tuple[Window, Path]) -> None:
    window, folder = opened
    window.value("document.querySelector('meta[name=write-token]').content = 'of a server that ended'")

    window.press("1")
    window.wait_for("!document.querySelector('p.problem').hidden")

    assert "only a page of this server may write" in window.value("document.querySelector('p.problem').textContent")
    assert not (folder / "labels-anna.csv").exists()
    window.complaints.clear()  # of the status of that answer
