"""How fast a dataset is exported where nothing is encoded, against `cp -r` of what comes out, and in what memory.

    python -m benchmarks.export [--clips 300] [--kilobytes 2000] [--rounds 3]

Clips hold random bytes, which no copying format opens, and two pictures of 400 x 300 pixels each. `cp` and the export
take turns on the same disk, both until the disk has everything (`sync`), since an export is not done before. Goal: half
as fast as `cp` by the clock where pictures too keep their bytes; CPU-seconds stand beside it, because on a machine with
other work the clock says little. Memory is what a fresh process grows by, and again with four times the clips: it must
not follow them.
"""

import argparse
import io
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.drawn_clips import draw_clips
from benchmarks.measuring import Run, machine, peak_mib, verdict
from dataset_schema import DatasetManifest, FunnelRow, Payload, Sample, write_manifest, write_shard
from exports.config import ExportConfig
from exports.export import export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from exports.survey import survey

_FORMATS: Final = (FormatName.PLAIN, FormatName.WEBDATASET, FormatName.LTX2, FormatName.MUSUBI)
_GOAL: Final = 0.5
_CLIPS_PER_SHARD: Final = 100
_DRAWN: Final = 200
_FLAT: Final = 1.25
_MORE: Final = 4
# Of a video where memory is measured: it is the number of clips that must not matter.
_SMALL_BYTES: Final = 50_000


def write_clips(folder: Path, *, clips: int, size_bytes: int) -> None:
    """A finished dataset of clips that nobody could play."""
    rng = np.random.default_rng(0)
    picture = _picture(rng)
    drawn = cycle([outcome for outcome in draw_clips(_DRAWN, seed=0) if isinstance(outcome, Sample)])
    for first in range(0, clips, _CLIPS_PER_SHARD):
        numbers = range(first, min(clips, first + _CLIPS_PER_SHARD))
        samples = [_as_large(next(drawn), number, rng.bytes(size_bytes), picture) for number in numbers]
        write_shard(folder / "samples" / f"part-{first:06d}.parquet", samples)
    published = FunnelRow(stage="publish", entered=clips, passed=clips)
    head = DatasetManifest(profile="none", config={}, annotators=(), funnel=(published,), complete=True, id="drawn")
    write_manifest(folder, head)


def export_all(dataset: Path, output: Path, name: FormatName) -> None:
    """What the command does, from the first look to the end mark."""
    published, form, config = open_dataset(dataset), FORMATS[name], ExportConfig()
    survey(published, form, config)
    export(published, form, output, config)


def _picture(rng: np.random.Generator) -> bytes:
    """A disc of noise, as cutouts are stored: white below what is transparent."""
    y, x = np.mgrid[:400, :300]
    inside = ((y - 200) / 200) ** 2 + ((x - 150) / 150) ** 2 <= 1
    pixels = np.full((400, 300, 4), [255, 255, 255, 0], np.uint8)
    pixels[inside] = np.dstack([rng.integers(90, 130, (400, 300, 3)), np.full((400, 300), 255)])[inside]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _as_large(drawn: Sample, number: int, video: bytes, picture: bytes) -> Sample:
    """A drawn clip with media as large as real ones, of a form that every trainer takes."""
    media = replace(
        drawn.media, container="mov,mp4", codec="h264", width=832, height=480, decoded_frames=130, has_audio=False
    )
    image = Payload(bytes=picture)
    entities = tuple(
        replace(entity, references=tuple(replace(each, image=image) for each in entity.references[:1]))
        for entity in drawn.entities
    )
    return replace(
        drawn,
        clip_id=f"{number:016x}",
        source=replace(drawn.source, uri=f"/nowhere/{number}.mp4"),
        video=Payload(bytes=video, path="clip.mp4"),
        num_frames=media.decoded_frames,
        height=media.height,
        width=media.width,
        media=replace(media, duration_s=media.decoded_frames / media.fps, damage=None),
        entities=entities,
        background=None,
    )


class _Seconds(NamedTuple):
    """What a run took: by the clock until the disk has everything, and of processors."""

    clock: float
    cpu: float


def _seconds(run: Callable[[], object]) -> _Seconds:
    os.sync()
    start_s, before = time.perf_counter(), sum(os.times()[:4])
    run()
    cpu_s = sum(os.times()[:4]) - before
    os.sync()
    return _Seconds(time.perf_counter() - start_s, cpu_s)


def _measured(dataset: Path, scratch: Path, name: FormatName, rounds: int) -> tuple[_Seconds, _Seconds, float]:
    """The export and `cp -r` of what it wrote, medians of rounds in turns; and megabytes."""
    found: list[tuple[_Seconds, _Seconds]] = []
    size_bytes = 0
    for number in range(rounds + 1):
        output, copy = scratch / f"{name}-{number}", scratch / f"copy-{number}"
        ours = _seconds(partial(export_all, dataset, output, name))
        size_bytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
        theirs = _seconds(partial(subprocess.run, ["cp", "-r", output, copy], check=True))
        shutil.rmtree(output)
        shutil.rmtree(copy)
        if number:  # the first is a warm-up
            found.append((ours, theirs))
    ours, theirs = (_Seconds(*map(statistics.median, zip(*side, strict=True))) for side in zip(*found, strict=True))
    return ours, theirs, size_bytes / 1e6


def _prepared(dataset: Path, output: Path, name: FormatName) -> Run:
    return partial(export_all, dataset, output, name)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--kilobytes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine(["pyarrow", "pillow"], seed=0))
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_clips(scratch / "few", clips=arguments.clips, size_bytes=arguments.kilobytes * 1000)
        for name in _FORMATS:
            ours, theirs, megabytes = _measured(scratch / "few", scratch, name, arguments.rounds)
            keeps = name in (FormatName.PLAIN, FormatName.WEBDATASET)
            share = theirs.clock / ours.clock
            told = verdict(share, _GOAL, at_most=False) if keeps else "pictures are painted on white"
            print(
                f"{name:12} {megabytes:5.0f} MB in {ours.clock:.1f} s ({ours.cpu:.2f} CPU-s), cp {theirs.clock:.1f} s "
                f"({theirs.cpu:.2f}): {share:.2f} as fast  {told}",
                flush=True,
            )
        sizes = {number: scratch / f"{number}" for number in (_MORE * arguments.clips, _MORE**2 * arguments.clips)}
        for clips, dataset in sizes.items():
            write_clips(dataset, clips=clips, size_bytes=_SMALL_BYTES)
        few, many = (
            peak_mib(partial(_prepared, dataset, scratch / f"out-{clips}", FormatName.PLAIN))
            for clips, dataset in sizes.items()
        )
        flat = verdict(many / few, _FLAT, at_most=True)
        print(f"memory: {' and '.join(map(str, sizes))} clips take {few:.0f} and {many:.0f} MiB  {flat}")


if __name__ == "__main__":
    main()
