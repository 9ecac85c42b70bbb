"""What it costs to split a long video in one pass of decoding, against decoding it twice.

    python -m benchmarks.splitting [FOLDER ...] [--minutes 3] [--height 720]

The long video is made of pieces of the videos in the folders, or of drawn ones: shots of 2 to 6 seconds with hard cuts
between them, as H.264 at 24 frames per second. Both ways give the shot detector the same frames, and then the pictures
of every shot to the later stages.

- one pass: footage with stills on a grid; the frames of a shot are unpacked from it.
- two passes: the whole video for the detector; then every shot as a clip of its own, from the key frame before it.

Each runs in a process of its own, which does the work of the decoding child and of its parent; the detector, the same
for both, is left out. Deviations are those of reference frames from 5, 50 and 95 % of their shot.
"""

import argparse
import itertools
import math
import multiprocessing
import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import av
import cv2
import numpy as np

from benchmarks.measuring import machine
from curation.records import Frames, Image
from curation.stages.decode import DecodeConfig
from curation.video.decoding import decode
from curation.video.footage import Footage, Shot
from curation.video.requests import Decoded, DecodeRequest
from curation.video.sampling import REFERENCE_POSITIONS
from curation.video.stills import StillsRecorder
from video_reading.part import Span, VideoPart

_FPS: Final = 24
_SEED: Final = 0
_VIDEO_ENDINGS: Final = frozenset({".mp4", ".mkv", ".webm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one way took, and the frames of every shot without their pictures."""

    cpu_s: float
    growth_mib: float
    frames: list[Frames]


Way = Callable[[Path, Sequence[Shot], DecodeConfig], list[Frames]]


def write_long_video(path: Path, folders: Sequence[Path], *, seconds: float, size: tuple[int, int]) -> list[Shot]:
    """Write the video; its shots in frames."""
    rng = np.random.default_rng(_SEED)
    pieces = _real_pieces(folders, size) if folders else _drawn_pieces(rng, size)
    shots: list[Shot] = []
    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=_FPS, options={"preset": "veryfast", "crf": "20", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        count = 0
        while count < seconds * _FPS:
            first = count
            for image in itertools.islice(next(pieces), int(rng.integers(2 * _FPS, 6 * _FPS))):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = count, Fraction(1, _FPS)
                output.mux(stream.encode(frame))
                count += 1
            if count > first:
                shots.append(Shot(first=first, end=count, shot_change=0.0))
        output.mux(stream.encode())
    return shots


def _real_pieces(folders: Sequence[Path], size: tuple[int, int]) -> Iterator[Iterator[Image]]:
    """The videos over and over; the pieces of one have no more in common than their size."""
    paths = sorted(path for folder in folders for path in folder.iterdir() if path.suffix in _VIDEO_ENDINGS)
    for path in itertools.cycle(paths):
        yield _read(path, size)


def _read(path: Path, size: tuple[int, int]) -> Iterator[Image]:
    with av.open(path, "r") as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.reformat(width=size[1], height=size[0], format="rgb24").to_ndarray(), np.uint8)


def _drawn_pieces(rng: np.random.Generator, size: tuple[int, int]) -> Iterator[Iterator[Image]]:
    while True:
        yield _pan(rng, *size)


def _pan(rng: np.random.Generator, height: int, width: int) -> Iterator[Image]:
    """A camera that pans over a field of soft blots and grain."""
    blots = cv2.resize(rng.integers(0, 256, (24, 40, 3), np.uint8), (2 * width, height), interpolation=cv2.INTER_CUBIC)
    field = cv2.add(blots, rng.integers(0, 24, blots.shape, np.uint8))
    for left in range(0, width, 4):
        yield field[:, left : left + width]


def one_pass(path: Path, shots: Sequence[Shot], config: DecodeConfig) -> list[Frames]:
    """Footage, and the frames of every shot taken from it."""
    footage = _ask(path, config, keeps_footage=True)
    if not isinstance(footage, Footage):
        raise TypeError(f"decoding gave {type(footage).__name__}, expected Footage")
    return [_small(footage.part(shot).frames(None)[0]) for shot in shots]


def two_passes(path: Path, shots: Sequence[Shot], config: DecodeConfig) -> list[Frames]:
    """The whole video, then every shot as a clip of its own."""
    _ask(path, config)
    spans = [Span(start_s=shot.first / _FPS, end_s=shot.end / _FPS) for shot in shots]
    return [_small(_ask(path, config, span=span)) for span in spans]


def _ask(path: Path, config: DecodeConfig, *, span: Span | None = None, keeps_footage: bool = False) -> Frames:
    """What the child would answer, through a pickle as through its pipe."""
    part = VideoPart(file=path, span=span or Span(), max_pixels=config.max_pixels)
    request = DecodeRequest(
        part=part,
        max_duration_s=config.max_duration_s,
        reference_long_side=config.reference_long_side,
        keeps_footage=keeps_footage,
    )
    answer: Decoded = pickle.loads(pickle.dumps(decode(request), protocol=pickle.HIGHEST_PROTOCOL))
    return answer.frames


def _small(frames: Frames) -> Frames:
    """The frames without their pictures, which the later stages would have let go of by now."""
    bare = tuple(replace(r, image=r.image[:0], neighbours=r.neighbours[:0]) for r in frames.reference_frames)
    return replace(frames, thumbnails=frames.thumbnails[:0], content=frames.content[:0], reference_frames=bare)


def cost_of(way: Way, path: Path, shots: Sequence[Shot], config: DecodeConfig) -> Cost:
    """Run it in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_cost, (way, path, shots, config))


def _cost(way: Way, path: Path, shots: Sequence[Shot], config: DecodeConfig) -> Cost:
    before_mib = _memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
    start_s = time.process_time()
    frames = way(path, shots, config)
    cpu_s = time.process_time() - start_s
    return Cost(cpu_s=cpu_s, growth_mib=_memory_mib("VmHWM") - before_mib, frames=frames)


def _memory_mib(name: str) -> float:
    return int(Path("/proc/self/status").read_text(encoding="ascii").split(f"{name}:")[1].split()[0]) / 1024


def deviations_s(frames: Sequence[Frames], shots: Sequence[Shot]) -> list[float]:
    """How far each reference frame is from the nearest of 5, 50 and 95 % of its shot."""
    found = []
    for shot, of_shot in zip(shots, frames, strict=True):
        start_s, length_s = shot.first / _FPS, (shot.end - shot.first) / _FPS
        exact_s = [start_s + position * length_s - 0.5 / _FPS for position in REFERENCE_POSITIONS]
        found += [min(abs(reference.time_s - s) for s in exact_s) for reference in of_shot.reference_frames]
    return found


def loss_db(image: Image) -> tuple[float, int]:
    """The PSNR of a still, and its bytes."""
    recorder = StillsRecorder()
    recorder.add(0, image)
    stills = recorder.stills()
    error = float(np.mean((stills.picture(0).astype(float) - image) ** 2))
    return 10 * math.log10(255**2 / error), len(stills.jpegs)


def main() -> None:
    """Print both ways, and what stills lose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--height", type=int, default=720)
    arguments = parser.parse_args()
    size = (arguments.height, arguments.height * 16 // 9)
    config = DecodeConfig()
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(1 << 20)  # as the decoding child has it
    print(machine(("av", "pillow", "numpy"), seed=_SEED))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        shots = write_long_video(path, arguments.folders, seconds=60 * arguments.minutes, size=size)
        video_s = shots[-1].end / _FPS
        print(f"{video_s:.0f} s of {size[1]}x{size[0]} in {len(shots)} shots, {path.stat().st_size / 1e6:.0f} MB")
        costs = {way.__name__: cost_of(way, path, shots, config) for way in (one_pass, two_passes)}
        originals = [reference.image for reference in _ask(path, config).reference_frames]
    ratio = costs["two_passes"].cpu_s / costs["one_pass"].cpu_s
    for name, cost in costs.items():
        late = deviations_s(cost.frames, shots)
        print(
            f"  {name:10}  {cost.cpu_s:6.1f} CPU s, {cost.cpu_s / video_s:.3f} per second of video, peak "
            f"growth {cost.growth_mib:5.0f} MiB, {len(late)} references, off by {np.mean(late):.3f} s, "
            f"at most {max(late):.3f} s"
        )
    print(f"  two passes / one pass: {ratio:.2f}")
    for image in originals:
        decibels, size_bytes = loss_db(image)
        print(f"  a still: {decibels:.1f} dB, {size_bytes / 1000:.0f} kB of {image.nbytes / 1000:.0f} kB")


if __name__ == "__main__":
    main()
