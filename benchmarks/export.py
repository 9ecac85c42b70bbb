"""How fast a dataset is exported where nothing is encoded, against `cp -r` of what comes out, and in what memory.

    python -m benchmarks.export [--clips 400] [--kilobytes 2000] [--rounds 3] [--rows 4000] [--formats plain phantom]

Clips hold random bytes, which no copying format opens, and pictures of noise, 400 x 300 pixels each. `cp` and the
export take turns on the same disk, both until the disk has everything (`sync`), since an export is not done before.
Goal: half as many bytes a second as `cp` by the clock where nothing is painted; with other work on a machine the clock
says little. Beside it stand CPU-seconds, and those of `cp` and of the SHA-256 of every file together: the manifest has
both to do, unless a video is the whole file of its source, which curation has hashed; `--unhashed` leaves that hash
out. Memory is what a fresh process grows by for a tenth of the rows, and for all of them: it must not follow them.
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
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.measuring import Run, machine, peak_mib, verdict
from dataset_schema import Payload, Sample, write_shard
from exports.config import ExportConfig
from exports.export import export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from exports.survey import survey
from tests.exports.made_clips import clip_id, make_sample, video_bytes, write_head

_USUAL: Final = (FormatName.PLAIN, FormatName.WEBDATASET, FormatName.LTX2)
_KEEPING: Final = (FormatName.PLAIN, FormatName.WEBDATASET)
_GOAL: Final = 0.5
_CLIPS_PER_SHARD: Final = 100
_FLAT: Final = 1.25
_MORE: Final = 10


def write_clips(folder: Path, sample: Callable[[int], Sample], *, clips: int) -> Path:
    """A finished dataset."""
    for first in range(0, clips, _CLIPS_PER_SHARD):
        numbers = range(first, min(clips, first + _CLIPS_PER_SHARD))
        write_shard(folder / "samples" / f"part-{first:06d}.parquet", [sample(number) for number in numbers])
    write_head(folder, clips)
    return folder


def export_all(dataset: Path, output: Path, name: FormatName) -> None:
    """What the command does, from the first look to the end mark."""
    published, form, config = open_dataset(dataset), FORMATS[name], ExportConfig()
    survey(published, form, config)
    export(published, form, output, config)


def _numbered(made: Sample, number: int) -> Sample:
    name = f"{number}.mp4"
    video, source = replace(made.video, path=name), replace(made.source, uri=f"/nowhere/{name}")
    return replace(made, clip_id=clip_id(number), video=video, source=source)


def large_clip(number: int, *, size_bytes: int, is_hashed: bool) -> Sample:
    """A clip with media as large as real ones, that nobody could play, of a form that every trainer takes."""
    rng = np.random.default_rng(number)
    video, image = rng.bytes(size_bytes), Payload(bytes=_noise(rng))
    made = _numbered(make_sample(video=video, size=(480, 832)), number)
    hashed = replace(made.source, content_sha256=sha256(video).hexdigest() if is_hashed else None)
    entities = tuple(
        replace(entity, references=tuple(replace(each, image=image) for each in entity.references[:1]))
        for entity in made.entities
    )
    return replace(made, source=hashed, entities=entities, background=None)


def _noise(rng: np.random.Generator) -> bytes:
    """A disc of noise, as cutouts are stored: white below what is transparent."""
    y, x = np.mgrid[:400, :300]
    inside = ((y - 200) / 200) ** 2 + ((x - 150) / 150) ** 2 <= 1
    pixels = np.full((400, 300, 4), [255, 255, 255, 0], np.uint8)
    pixels[inside] = np.dstack([rng.integers(90, 130, (400, 300, 3)), np.full((400, 300), 255)])[inside]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


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


def _hash_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                file_digest(file, "sha256")


def _measured(dataset: Path, scratch: Path, name: FormatName, rounds: int) -> tuple[tuple[_Seconds, ...], float]:
    """The export, `cp -r` of what it wrote, and the hashes of that, medians of rounds in turns; and megabytes."""
    found: list[tuple[_Seconds, ...]] = []
    size_bytes = 0
    for number in range(rounds + 1):
        output, copy = scratch / f"{name}-{number}", scratch / f"copy-{number}"
        ours = _seconds(partial(export_all, dataset, output, name))
        size_bytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
        theirs = _seconds(partial(subprocess.run, ["cp", "-r", output, copy], check=True))
        hashes = _seconds(partial(_hash_all, copy))
        shutil.rmtree(output)
        shutil.rmtree(copy)
        if number:  # the first is a warm-up
            found.append((ours, theirs, hashes))
    medians = (_Seconds(*map(statistics.median, zip(*side, strict=True))) for side in zip(*found, strict=True))
    return tuple(medians), size_bytes / 1e6


def _prepared(dataset: Path, output: Path, name: FormatName) -> Run:
    return partial(export_all, dataset, output, name)


def _print_speed(dataset: Path, scratch: Path, names: list[FormatName], rounds: int) -> None:
    for name in names:
        (ours, cp, hashes), megabytes = _measured(dataset, scratch, name, rounds)
        share = cp.clock / ours.clock
        told = verdict(share, _GOAL, at_most=False) if name in _KEEPING else "pictures are painted on white"
        print(
            f"{name:12} {megabytes:5.0f} MB in {ours.clock:.2f} s, cp {cp.clock:.2f}: {share:.2f} as fast  {told}\n"
            f"{'':12} {ours.cpu:.2f} CPU-s, cp {cp.cpu:.2f}, with SHA-256 {cp.cpu + hashes.cpu:.2f}: "
            f"{cp.cpu / ours.cpu:.2f} of cp's, {(cp.cpu + hashes.cpu) / ours.cpu:.2f} of both",
            flush=True,
        )


def _print_memory(scratch: Path, rows: int, names: list[FormatName]) -> None:
    made = partial(_numbered, make_sample(video=video_bytes(frames=30), frames=30))
    few, many = (write_clips(scratch / f"{count}", made, clips=count) for count in (rows // _MORE, rows))
    for name in names:
        found = [peak_mib(partial(_prepared, each, scratch / f"{name}-of-{each.name}", name)) for each in (few, many)]
        flat = verdict(found[1] / found[0], _FLAT, at_most=True)
        print(f"memory of {name}: {few.name} and {many.name} rows take {found[0]:.0f} and {found[1]:.0f} MiB  {flat}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=400, help="whose export is timed; 0 times none")
    parser.add_argument("--kilobytes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--unhashed", action="store_true", help="as where curation hashed no source")
    parser.add_argument("--rows", type=int, default=4000, help="of which memory is measured; 0 measures none")
    parser.add_argument("--formats", type=FormatName, nargs="+", default=list(_USUAL), help="that are measured")
    arguments = parser.parse_args()
    print(machine(["pyarrow", "pillow"], seed=0))
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        if arguments.clips:
            size_bytes = arguments.kilobytes * 1000
            made = partial(large_clip, size_bytes=size_bytes, is_hashed=not arguments.unhashed)
            dataset = write_clips(scratch / "large", made, clips=arguments.clips)
            _print_speed(dataset, scratch, arguments.formats, arguments.rounds)
        if arguments.rows:
            _print_memory(scratch, arguments.rows, arguments.formats)


if __name__ == "__main__":
    main()
