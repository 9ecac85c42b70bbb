"""The pages on which people label clips, asked as a browser asks: what is said is what `train-filter` reads."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.labels import label_file, read_labels
from dataset_schema import Source
from pipelines.__main__ import main
from pipelines.browser.guard import Access
from pipelines.browser.label_folder import LABELS_FILE, LabelFolder, sheet_name
from pipelines.browser.label_pages import LabelPages
from tests.pipelines.browser.asking import read_page
from tests.pipelines.browser.conftest import running_server

TOKEN = "a-token-that-nobody-guesses"
HOSTILE = '<img src=x onerror=alert("1")> & a.mp4'
SOURCES = [Source(id=name, uri=f"/videos/{name}") for name in ("0.mp4", "1.mp4", HOSTILE, "3.mp4")]


def make_folder(folder: Path) -> Path:
    """Four clips to label; the sheet of the last one is lost."""
    folder.mkdir(exist_ok=True)
    (folder / LABELS_FILE).write_text(label_file((source, "", "annotator-1") for source in SOURCES))
    (folder / "sheets").mkdir()
    for place in range(3):
        Image.new("RGB", (64, 36), (place, 0, 0)).save(folder / sheet_name(place))
    return folder


def said_by(folder: Path, name: str) -> dict[str, str]:
    """File name of a clip -> label, as `train-filter` reads them."""
    given = read_labels([folder / f"labels-{name}.csv"]).given
    assert {label.annotator for label in given} <= {name}
    return {Path(label.source.uri).name: CONTENT_CLASSES[label.label] for label in given}


class Site:
    """A server over a folder, asked from one window."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder

    def ask(
        self, method: str, address: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Status, text and cookie."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, address, body.encode() or None, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace"), answer.getheader("Set-Cookie", "")
        finally:
            connection.close()

    def page(self, address: str) -> str:
        """What a person reads there."""
        status, text, _ = self.ask("GET", address)
        assert status == 200, text
        return read_page(text).text

    def rights(self) -> dict[str, str]:
        """Cookie and token of a page of this server, as its own script sends them."""
        _, text, cookie = self.ask("GET", "/clip/1")
        (token,) = [tag["content"] for tag in read_page(text).all("meta", name="write-token")]
        return {"Cookie": cookie.split(";")[0], "X-Write-Token": token}

    def write(self, address: str, body: str = "") -> int | None:
        """The number that a script is told to go to."""
        status, text, _ = self.ask("POST", address, body, self.rights())
        assert status == 200, text
        found: int | None = json.loads(text)["number"]
        return found


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    folder = make_folder(tmp_path / "labels")
    with ExitStack() as servers:

        def open_for(name: str) -> Site:
            app = LabelPages(LabelFolder(folder, name)).app(Access(write_token=TOKEN))
            return Site(servers.enter_context(running_server(app)), folder)

        yield open_for


@pytest.fixture
def site(open_site: Callable[[str], Site]) -> Site:
    return open_site("anna")


def test_what_is_said_is_in_the_file_at_once_and_leads_to_the_next_open_clip(site: Site) -> None:
    assert site.write("/labels/2", "slight_motion") == 3
    assert said_by(site.folder, "anna") == {"1.mp4": "slight_motion"}
    assert site.write("/labels/4", "desirable") == 1  # around the end, past the labelled one
    assert site.write("/labels/1", "desirable") == 3
    assert site.write("/labels/3", "screen_recording") is None

    assert "4 of 4 clips have one. Every clip is labelled." in site.page("/")
    labels = ("desirable", "slight_motion", "screen_recording", "desirable")
    assert said_by(site.folder, "anna") == dict(zip(("0.mp4", "1.mp4", HOSTILE, "3.mp4"), labels, strict=True))


def test_undo_gives_back_what_was_there_before_step_by_step(site: Site) -> None:
    for number, label in ((1, "desirable"), (2, "desirable"), (1, "still_foreground"), (2, "")):
        site.write(f"/labels/{number}", label)
    assert said_by(site.folder, "anna") == {"0.mp4": "still_foreground"}

    found = [site.write("/undo") for _ in range(5)]

    assert found == [2, 1, 2, 1, None]
    assert said_by(site.folder, "anna") == {}


def test_a_server_that_starts_again_goes_on_where_the_last_one_ended(open_site: Callable[[str], Site]) -> None:
    open_site("anna").write("/labels/1", "desirable")

    again = open_site("anna")

    assert "1 of 4 clips have one. Go on with clip 2" in again.page("/")
    (pressed,) = read_page(again.ask("GET", "/clip/1")[1]).all("button", **{"aria-pressed": "true"})
    assert pressed["data-label"] == "desirable"


def test_two_people_see_where_they_disagree_and_not_what_the_other_says_of_a_clip(
    open_site: Callable[[str], Site],
) -> None:
    anna, ben = open_site("anna"), open_site("ben")
    for number, first, second in (
        (1, "desirable", "desirable"),
        (2, "desirable", "slight_motion"),
        (3, "slight_motion", "slight_motion"),
        (4, "desirable", "desirable"),
    ):
        anna.write(f"/labels/{number}", first)
        ben.write(f"/labels/{number}", second)

    said = ben.page("/")
    # By hand: 3 of 4 agree; by habit alone 3/4 * 2/4 + 1/4 * 2/4 = 1/2, so kappa is (3/4 - 1/2) / (1/2).
    assert "4 clips in common, 75 % called the same, Cohen's kappa 0.50." in said
    assert "2 slight motion desirable" in said
    assert len(read_page(ben.ask("GET", "/clip/2")[1]).all("button", **{"aria-pressed": "true"})) == 1


def test_a_label_of_somebody_else_that_is_wrong_is_said_and_costs_nothing(site: Site) -> None:
    (site.folder / "labels-ben.csv").write_text("clip,label,annotator\n/videos/0.mp4,lovely,ben\n")

    status, text, _ = site.ask("GET", "/")

    assert status == 503
    assert "label is 'lovely', expected one of desirable" in read_page(text).text
    assert site.write("/labels/1", "desirable") == 2


def test_a_lost_sheet_and_clips_that_are_not_there_are_said(site: Site) -> None:
    assert site.ask("GET", "/sheet/3")[0] == 200
    for address, sentence in (
        ("/sheet/4", "00004.png is missing"),
        ("/clip/5", "there is no clip 5, the last one is 4"),
        ("/clip/0", "there is no clip 0"),
    ):
        status, text, _ = site.ask("GET", address)
        assert (status, sentence in read_page(text).text) == (404, True), text


@pytest.mark.parametrize("body", ["lovely", "<script>", "x" * 5000, "\0"])
def test_what_is_no_label_is_refused(site: Site, body: str) -> None:
    status, text, _ = site.ask("POST", "/labels/1", body, site.rights())

    assert status in (400, 413)
    assert "<script>" not in text.partition("<main>")[2]
    assert not (site.folder / "labels-anna.csv").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"Cookie": None},
        {"X-Write-Token": None},
        {"Cookie": "openalchemist-write=wrong"},
        {"X-Write-Token": "wrong"},
        {"X-Write-Token": "\u00e9"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_only_a_page_of_this_server_can_write(site: Site, change: Mapping[str, str | None]) -> None:
    headers = {name: value for name, value in {**site.rights(), **change}.items() if value is not None}

    status, _, _ = site.ask("POST", "/labels/1", "desirable", headers)

    assert status == 403
    assert not (site.folder / "labels-anna.csv").exists()


def test_the_cookie_goes_to_no_other_site_and_to_no_script(site: Site) -> None:
    cookie = site.ask("GET", "/clip/1")[2]

    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")}
    own = {**site.rights(), "Origin": f"http://127.0.0.1:{site.port}"}
    assert site.ask("POST", "/labels/1", "desirable", own)[0] == 200
    assert site.ask("PUT", "/labels/1", "desirable", own)[0] == 405
    assert site.ask("POST", "/labels/1", "desirable", {**own, "Host": "evil.example"})[0] == 421


def test_names_of_clips_are_shown_as_text(site: Site) -> None:
    _, text, _ = site.ask("GET", "/clip/3")

    assert "<img src=x" not in text
    assert HOSTILE in read_page(text).text


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", "x" * 65])
def test_a_name_that_is_none_of_a_file_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label", "--folder", str(make_folder(tmp_path)), "--annotator", name]) == 2
    assert "expected a name of letters" in capsys.readouterr().err


def test_a_folder_without_clips_to_label_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["label", "--folder", str(tmp_path), "--annotator", "anna"]) == 2
    assert "label-clips` writes one" in capsys.readouterr().err
