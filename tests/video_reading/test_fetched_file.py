"""A video in a store shows what the same file on a disk shows, bit by bit, by few requests."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from dataset_schema import FailureKind
from storage.address import Address
from storage.places import place_of
from tests.curation.made_videos import write_barcodes
from tests.exports.made_clips import loudness, video_bytes
from tests.object_store import Proxy, bucket, proxy, put, session_proxy, store_url
from video_reading import fetched_file
from video_reading.clip import open_clip
from video_reading.cutting import cut_video
from video_reading.part import Span, VideoPart
from video_reading.video_error import VideoError

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

SPANS = (Span(), Span(start_s=15.0, end_s=16.0))


class Videos(dict[str, Path]):
    """Videos by their names, of 20 s and some hundred kilobytes each; they are made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> Path:
        path = self._folder / name
        self[name] = self._front(path) if name == "front.mp4" else write_barcodes(path, 480, key_frame_every=24)
        return path

    def _front(self, path: Path) -> Path:
        """With its table before its frames."""
        with av.open(self["behind.mp4"]) as source, av.open(path, "w", options={"movflags": "faststart"}) as to:
            stream = to.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    to.mux(packet)
        return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    return Videos(tmp_path_factory.mktemp("videos"))


def shown(part: VideoPart) -> tuple[list[float], bytes, str]:
    """Times, pixels and container of a clip."""
    with open_clip(part) as clip:
        frames = [(frame.time_s, frame.frame.to_ndarray(format="rgb24")) for frame in clip.frames]
        return [time_s for time_s, _ in frames], np.stack([p for _, p in frames]).tobytes(), str(clip.timeline.end_s)


@pytest.mark.parametrize(
    ("name", "every"),
    [
        ("behind.mp4", 3),
        ("a.mkv", 0),
        ("a.ts", 0),
        *(pytest.param(name, 0, marks=pytest.mark.slow) for name in ("front.mp4", "behind.mp4", "a.avi")),
        *(pytest.param(name, 3, marks=pytest.mark.slow) for name in ("front.mp4", "a.mkv", "a.ts", "a.avi")),
    ],
)
def test_a_video_in_a_store_shows_the_same_by_few_requests(
    videos: Videos, bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, name: str, every: int
) -> None:
    path = videos[name]
    put(f"{bucket}/a b%20?.{name}", path.read_bytes())
    monkeypatch.setattr(fetched_file, "_FIRST_BYTES", 1 << 13)
    monkeypatch.setattr(fetched_file, "_FIRST_BYTES_OF_SPAN", 1 << 12)
    for span in SPANS:
        proxy.plan(every, seed=1)

        there = shown(VideoPart(file=Address(f"{bucket}/a b%20?.{name}"), span=span))

        assert there == shown(VideoPart(file=path, span=span))
        assert proxy.seen["HEAD"] == 0
        assert 2 <= proxy.seen["GET"] <= 12 * (2 if every else 1)


def test_a_small_video_comes_whole_in_one_request(videos: Videos, bucket: str, proxy: Proxy) -> None:
    put(f"{bucket}/a.mp4", videos["behind.mp4"].read_bytes())
    proxy.plan(0, 0)

    shown(VideoPart(file=Address(f"{bucket}/a.mp4"), span=SPANS[1]))

    assert proxy.seen == {"GET": 1}


@pytest.mark.parametrize(
    ("place", "kind", "words"),
    [
        ("{bucket}/gone.mp4", FailureKind.INPUT, "there is no such object; correct its address"),
        ("s3://no-such-bucket-here/a.mp4", FailureKind.INPUT, "there is no such bucket"),
        ("{bucket}/empty.mp4", FailureKind.INPUT, "is empty"),
        ("{bucket}/page.mp4", FailureKind.INPUT, "is a text file"),
        ("http://127.0.0.1:1/a.mp4", FailureKind.IO, "cannot be reached"),
    ],
)
def test_what_cannot_be_fetched_says_why_and_whether_to_try_again(
    bucket: str, monkeypatch: pytest.MonkeyPatch, place: str, kind: FailureKind, words: str
) -> None:
    put(f"{bucket}/empty.mp4")
    put(f"{bucket}/page.mp4", b"<!DOCTYPE html><html>404</html>")
    monkeypatch.setattr("storage.bucket._PATIENCE_S", 0.1)
    monkeypatch.setattr("storage.bucket._MAX_RETRIES", 1)

    with pytest.raises(VideoError, match=words) as caught:
        shown(VideoPart(file=place_of(place.format(bucket=bucket)), span=Span()))

    assert caught.value.kind is kind


def test_a_store_that_gives_out_in_the_midst_is_no_damaged_video(
    videos: Videos, bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{bucket}/a.mkv", videos["a.mkv"].read_bytes())
    monkeypatch.setattr(fetched_file, "_FIRST_BYTES", 1 << 13)

    place = _opened_before_the_store_shuts(bucket, proxy, monkeypatch)

    with pytest.raises(VideoError, match="do not allow this") as caught:
        shown(VideoPart(file=place, span=Span()))

    assert caught.value.kind is FailureKind.IO


def _opened_before_the_store_shuts(bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Address:
    begin = fetched_file.FetchedFile.begin

    def begin_and_shut(self: fetched_file.FetchedFile, size: int) -> None:
        begin(self, size)
        proxy.always = (403, "AccessDenied")

    monkeypatch.setattr(fetched_file.FetchedFile, "begin", begin_and_shut)
    return Address(f"{bucket}/a.mkv")


def test_an_object_that_is_replaced_meanwhile_is_told_and_never_mixed(
    videos: Videos, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{bucket}/a.mkv", videos["a.mkv"].read_bytes())
    monkeypatch.setattr(fetched_file, "_FIRST_BYTES", 1 << 13)
    begin = fetched_file.FetchedFile.begin

    def begin_and_replace(self: fetched_file.FetchedFile, size: int) -> None:
        begin(self, size)
        Address(bucket).bucket.put("a.mkv", videos["a.ts"].read_bytes())

    monkeypatch.setattr(fetched_file.FetchedFile, "begin", begin_and_replace)

    with pytest.raises(VideoError, match="replaced or deleted") as caught:
        shown(VideoPart(file=Address(f"{bucket}/a.mkv"), span=Span()))

    assert caught.value.kind is FailureKind.IO


def test_no_more_is_fetched_than_is_allowed(videos: Videos, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(f"{bucket}/a.mkv", videos["a.mkv"].read_bytes())
    monkeypatch.setattr(fetched_file, "_FIRST_BYTES", 1 << 13)

    with pytest.raises(VideoError, match="raise max_fetched_bytes") as caught:
        shown(VideoPart(file=Address(f"{bucket}/a.mkv"), span=Span(), max_fetched_bytes=1 << 14))

    assert caught.value.kind is FailureKind.INPUT


@pytest.fixture
def server_without_ranges(videos: Videos) -> Iterator[str]:
    """Python's own server of files, which answers every request with the whole of one."""
    folder = videos["a.mkv"].parent
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_that_gives_no_parts_gives_the_whole(videos: Videos, server_without_ranges: str) -> None:
    part = VideoPart(file=Address(f"{server_without_ranges}/a.mkv"), span=SPANS[1])

    assert shown(part) == shown(VideoPart(file=videos["a.mkv"], span=SPANS[1]))


def test_a_clip_is_cut_with_its_sound_by_one_request(bucket: str, proxy: Proxy) -> None:
    content = video_bytes(frames=48, sound_s=2.0)
    put(f"{bucket}/heard.mp4", content)
    part = VideoPart(file=Address(f"{bucket}/heard.mp4"), span=Span(start_s=0.5, end_s=1.5))
    proxy.plan(0, 0)

    made = cut_video(part, fps=24.0, size=(64, 96), keeps_sound=True)

    local = cut_video(VideoPart(file=content, span=part.span), fps=24.0, size=(64, 96), keeps_sound=True)
    assert made.num_frames == local.num_frames == 24
    assert np.allclose(loudness(made.mp4), loudness(local.mp4), atol=1e-4)
    assert loudness(made.mp4).min() > 0.1
    assert dict(proxy.seen) == {"GET": 1}
