"""Each attack is tried on a real server; what must hold is that of docs/security.md."""

import base64
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from dataset_schema import Sample, read_shard, shard_paths
from pipelines.browser.guard import Access, is_loopback
from pipelines.verbs.browse import PASSWORD, Browse, access_of
from tests.pipelines.browser.asking import Served
from tests.pipelines.browser.conftest import HOSTILE, served
from tests.pipelines.conftest import clip_id

KEPT = clip_id(0)
PAGES = ("/", "/clips", "/clips?outcome=rejected", f"/clip/{KEPT}", f"/clip/{clip_id(1001)}", "/nothing", "/clips?a=b")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1].evil",
        "0.0.0.0",
    ],
)
def test_a_name_that_was_bent_to_this_machine_is_refused(site: Served, host: str) -> None:
    answer = site.get(f"/media/{KEPT}/0", Host=host)

    assert answer.status == 421
    assert b"ftyp" not in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8100", "[::1]:8100", "127.0.0.1:1"])
def test_names_of_this_machine_are_answered(site: Served, host: str) -> None:
    assert site.get("/clips", Host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_written(site: Served, method: str) -> None:
    assert site.get("/clips", method=method).status == 405


@pytest.mark.parametrize("address", [*PAGES, f"/media/{KEPT}/0", f"/card/{KEPT}", "/static/browse.js"])
def test_every_answer_forbids_foreign_scripts_frames_and_guessed_types(site: Served, address: str) -> None:
    headers = site.get(address).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("address", PAGES)
def test_pages_hold_no_script_style_or_address_of_elsewhere(site: Served, address: str) -> None:
    page = site.get(address).page

    assert [script["src"] for script in page.all("script")] == ["/static/browse.js"]
    assert not page.all("style")
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        places = [attributes[name] for name in ("src", "href", "data-src", "action") if name in attributes]
        assert all(place.startswith("/") and not place.startswith("//") for place in places), places


@pytest.mark.parametrize(
    "address",
    [
        "/clips?outcome=rejected",
        f"/clip/{clip_id(1001)}",
        f"/clips?q={quote(HOSTILE)}",
        f"/clips?word={quote(HOSTILE)}",
        f"/clip/{quote(HOSTILE, safe='')}",
        f"/clips?{quote(HOSTILE)}=1",
        f"/clips?sort={quote(HOSTILE)}",
    ],
)
def test_what_others_wrote_is_shown_as_text(site: Served, address: str) -> None:
    answer = site.get(address)

    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    shown = [answer.page.text, *(tag.get("value", "") for _, tag in answer.page.tags)]
    assert any('<script>alert("1")' in text for text in shown) or answer.status == 404


@pytest.mark.parametrize(
    "address",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/__main__.py",
        "/static//etc/passwd",
        "/media/..%2f..%2fdataset.json/0",
        f"/media/{KEPT}/../../dataset.json",
        f"/media/{KEPT}/-1",
        f"/media/{KEPT}/99999",
        "/media/%00/0",
        "/dataset.json",
        "/samples/part-0001-000-00000.parquet",
    ],
)
def test_no_address_leads_to_a_file(site: Served, address: str) -> None:
    answer = site.get(address)

    assert answer.status == 404
    assert b"schema_version" not in answer.body
    assert b"root:" not in answer.body
    assert b"import " not in answer.body


@pytest.mark.parametrize("value", ["bytes=99999999-", "bytes=5-4", "bytes=0-1,0-1,0-1", "bytes=-0", "lines=1-2"])
def test_ranges_beyond_the_payload_are_refused(site: Served, value: str) -> None:
    answer = site.get(f"/media/{KEPT}/0", Range=value)

    size = len(video_of(site.dataset))
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert len(answer.body) < 200


def test_a_range_cannot_reach_the_next_payload(site: Served) -> None:
    video = video_of(site.dataset)

    answer = site.get(f"/media/{KEPT}/0", Range=f"bytes={len(video) - 10}-{len(video) + 1000}")

    assert (answer.status, answer.body) == (206, video[-10:])


@pytest.mark.parametrize("request_line", ["GET http://evil.example/ HTTP/1.1", "GET / HTTP/1.0", "NONSENSE"])
def test_odd_requests_get_no_page_of_the_dataset(site: Served, request_line: str) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as line:
        line.sendall(f"{request_line}\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))

    assert answer.split(b" ", 2)[1] in (b"421", b"400")
    assert b"kept" not in answer


def test_an_index_that_names_a_file_elsewhere_gives_nothing_of_it(small_dataset: Path, tmp_path: Path) -> None:
    from pipelines.browser.media import MediaError, stored_media
    from pipelines.browser.opened import open_dataset

    opened = open_dataset(small_dataset, tmp_path)
    row = opened.clips.row(0)
    beyond = row["media_offsets"][0] + 10**9

    for forged in ({"shard": "../../etc/passwd"}, {"shard": "/etc/passwd"}, {"media_offsets": [beyond]}):
        with pytest.raises(MediaError):
            stored_media(opened, {**row, **forged}, 0)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_beyond_loopback_nothing_is_shown_without_the_password(small_dataset: Path, tmp_path: Path) -> None:
    access = Access(names=("data.example", "127.0.0.1"), password="a long password: \u00fc")

    with served(small_dataset, tmp_path, access) as site:
        for headers in ({}, {"Authorization": "Basic %%%"}, {"Authorization": basic("browse", "a long password")}):
            answer = site.get("/", Host="data.example", **headers)
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Basic")
            assert b"kept" not in answer.body
        right = {"Authorization": basic("anybody", "a long password: \u00fc")}
        assert site.get("/clips", Host="data.example", **right).status == 200
        assert site.get("/clips", Host="evil.example", **right).status == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_machines_may_ask_only_where_that_is_said(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ValueError, match=f"--beyond-loopback and a password in {PASSWORD}"):
        Browse(dataset=Path("dataset"), host=host)


@pytest.mark.parametrize("password", [None, "", "short"])
def test_other_machines_may_not_ask_without_a_good_password(
    password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    if password is not None:
        monkeypatch.setenv(PASSWORD, password)

    with pytest.raises(ValueError, match="expected at least 12"):
        access_of(Browse(dataset=Path("dataset"), host="0.0.0.0", beyond_loopback=True))


def video_of(dataset: Path) -> bytes:
    sample = next(iter(read_shard(shard_paths(dataset, Sample)[0], Sample)))
    assert sample.video.bytes is not None
    return sample.video.bytes
