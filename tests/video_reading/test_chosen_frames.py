"""Some frames of a clip are those that decoding all of it gives, and most of the others are not decoded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pytest

from curation.records import Image
from tests.curation.made_videos import barcode, decoded_images, part_of, write_video
from video_reading.chosen_frames import chosen_frames
from video_reading.clip import open_clip
from video_reading.shown_frames import ShownFrames

_COUNT: Final = 60
_PLACES: Final = (0, 9, 33, 34, 59)
_OPEN_GOPS: Final = {"x264-params": "keyint=12:min-keyint=12:open-gop=1:bframes=4:b-pyramid=normal:scenecut=0"}
_INTRA_REFRESH: Final = {"intra-refresh": "1", "bf": "0", "sc_threshold": "0"}
_HEVC: Final = {
    "x265-params": "keyint=12:min-keyint=12:open-gop=1:bframes=4:log-level=none:pools=1",
    "preset": "ultrafast",
}


def _noisy(index: int) -> Image:
    noise = np.random.default_rng(index).integers(0, 24, (96, 160, 3), dtype=np.uint8)
    return np.asarray(barcode(index, 96, 160) + noise, np.uint8)


def _delayed(path: Path) -> Path:
    """The same video, of which a list of edits leaves out the first half second."""
    target = path.with_name("edited.mp4")
    with av.open(path) as source, av.open(target, "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size and packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                early = round(0.5 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - early, packet.dts - early, stream
                output.mux(packet)
    return target


def _damaged(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    start = len(content) // 3
    content[start : start + 600] = bytes(600)
    path.write_bytes(content)
    return path


@dataclass(frozen=True, kw_only=True)
class _Video:
    """A way to write one.

    Attributes:
        most: of its frames are decoded for all places; by decoding from the start it would be all of them.
    """

    most: int
    name: str = "a.mp4"
    settings: dict[str, Any] = field(default_factory=dict)
    changed: Callable[[Path], Path] = lambda path: path


_PLAIN: Final[dict[str, Any]] = {"key_frame_every": 12, "options": {"bf": "3", "sc_threshold": "0"}}
_VIDEOS: Final = {
    "reordered": _Video(most=36, settings=_PLAIN),
    "open GOPs": _Video(most=36, settings={"options": _OPEN_GOPS}),
    "open GOPs in Matroska": _Video(most=36, name="a.mkv", settings={"options": _OPEN_GOPS}),
    "open GOPs in a transport stream": _Video(most=36, name="a.ts", settings={"options": _OPEN_GOPS}),
    "open GOPs of HEVC": _Video(most=36, settings={"codec": "libx265", "options": _HEVC}),
    "an edit list": _Video(most=36, settings=_PLAIN, changed=_delayed),
    "a changing pace": _Video(most=36, settings=_PLAIN | {"times_s": [n / 24 + n * n / 600 for n in range(_COUNT)]}),
    "MPEG-4": _Video(most=36, settings={"codec": "mpeg4", "key_frame_every": 12, "options": {"bf": "2"}}),
    "no key frame with a whole picture": _Video(most=120, settings=_PLAIN | {"options": _INTRA_REFRESH}),
    "interlaced": _Video(most=120, settings=_PLAIN | {"options": {"x264-params": "tff=1:keyint=12"}}),
    "no times": _Video(most=60, name="a.avi", settings=_PLAIN),
    "no index": _Video(most=60, name="a.h264", settings=_PLAIN),
    "damaged": _Video(most=120, settings=_PLAIN, changed=_damaged),
}


@pytest.fixture(scope="module", params=_VIDEOS.values(), ids=list(_VIDEOS))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[_Video, Path]:
    video: _Video = request.param
    path = tmp_path_factory.mktemp("video") / video.name
    return video, video.changed(write_video(path, map(_noisy, range(_COUNT)), **video.settings))


@pytest.mark.parametrize("start_s", [None, 0.75])
def test_chosen_frames_are_those_of_a_whole_pass(
    monkeypatch: pytest.MonkeyPatch, written: tuple[_Video, Path], start_s: float | None
) -> None:
    video, path = written
    part = part_of(path, start_s)
    with open_clip(part) as clip:
        times_s = clip.timeline.times_s.tolist()
        whole = {shown.time_s: _pixels(shown.frame) for shown in clip.frames}
    places = [place for place in _PLACES if place < len(times_s)]
    decoded = _counted(monkeypatch)

    with open_clip(part) as clip:
        chosen = [(shown.time_s, _pixels(shown.frame)) for shown in chosen_frames(clip, places)]

    decodable = [[time_s for time_s in whole if time_s <= times_s[place] + 1e-6] for place in places]
    assert [time_s for time_s, _ in chosen] == [max(before, default=min(whole)) for before in decodable]
    assert all((pixels == whole[time_s]).all() for time_s, pixels in chosen)
    assert len(decoded) <= video.most


def test_one_late_frame_costs_the_frames_since_its_key_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", map(_noisy, range(_COUNT)), **_PLAIN)
    decoded = _counted(monkeypatch)

    with open_clip(part_of(path)) as clip:
        (shown,) = chosen_frames(clip, [52])

    assert (_pixels(shown.frame) == decoded_images(path)[52]).all()
    assert 5 <= len(decoded) <= 8


def _pixels(frame: av.VideoFrame) -> Image:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Grows by each frame that is decoded."""
    decoded: list[int | None] = []
    look_at = ShownFrames._look_at

    def counted(self: ShownFrames, frame: av.VideoFrame) -> None:
        decoded.append(frame.pts)
        look_at(self, frame)

    monkeypatch.setattr(ShownFrames, "_look_at", counted)
    return decoded
