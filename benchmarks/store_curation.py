"""What it costs to curate with videos and dataset in an object store, against the same on this machine's disk.

    python -m benchmarks.store_curation INPUT OUTPUT

curates once, and prints its cost as JSON: CPU-seconds (user and system) of this process and of the processes that it
started, without the imports. `benchmarks.dataset` starts it, in turns for a folder and for a store: moto, a process of
its own on loopback, behind a proxy that counts requests. Neither is a child of this process, so their CPU time does not
count, and on loopback a request takes no time on the way: what is told apart is our own work, not a line.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.figures import Figure, median_figure
from worlds.sprites import SpriteWorldConfig, make_world

# As `make demo` curates: of one animal that moves the embedded annotators find a reference image.
_WORLD: Final = SpriteWorldConfig(clips=8, max_subjects=2, max_moving=1)
_BUCKETS: Final = ("9x64x112",)

_NEEDED: Final = ("obstore", "moto", "aiohttp")


def missing_package() -> str | None:
    """What must be installed before the store can be measured; None where nothing is."""
    return next((name for name in _NEEDED if importlib.util.find_spec(name) is None), None)


def figures(rounds: int) -> Iterator[Figure]:
    """Curate the same drawn clips from a disk and from a store, in turns.

    Raises:
        RuntimeError: a run failed, or the two kept different clips.
    """
    from tests.object_store import environment, moto, proxied

    with TemporaryDirectory() as scratch, moto() as url, proxied(url) as proxy:
        folder = Path(scratch)
        make_world(folder / "world", _WORLD)
        store = environment(proxy.url)
        address = _upload(folder / "world", url)
        disk: list[Mapping[str, float]] = []
        remote: list[Mapping[str, float]] = []
        requests: list[int] = []
        for number in range(rounds):
            disk.append(_curate_in_child(folder / "world" / "manifest.csv", folder / str(number), {}))
            proxy.plan(0, 0)
            remote.append(_curate_in_child(f"{address}/manifest.csv", f"{address}-{number}", store))
            requests.append(proxy.seen.total())
    told = {(found["read"], found["kept"]) for found in (*disk, *remote)}
    if len(told) > 1:
        raise RuntimeError(f"runs over the same clips read and kept {sorted(told)}, expected the same each time")
    yield from _figures(disk, remote, requests)


def _figures(
    disk: Sequence[Mapping[str, float]], remote: Sequence[Mapping[str, float]], requests: Sequence[int]
) -> Iterator[Figure]:
    clips = round(disk[0]["read"])
    of = f"{clips} drawn clips, {disk[0]['kept']:.0f} kept"
    rates = [[found["read"] / found["cpu_s"] for found in runs] for runs in (disk, remote)]
    for name, some in zip(("disk, clips/CPU-s", "store, clips/CPU-s"), rates, strict=True):
        yield median_figure("curate", name, some, of=of)
    ratios = [there / here for here, there in zip(*rates, strict=True)]
    yield median_figure("curate", "store / disk, clips/CPU-s", ratios, of=of)
    yield median_figure("curate", "store, requests/clip", [found / clips for found in requests], of=of)


def _upload(world: Path, url: str) -> str:
    """Put what curation reads into a bucket, not through the proxy; returns its address."""
    import boto3

    client = boto3.client("s3", endpoint_url=url, aws_access_key_id="any", aws_secret_access_key="any")
    client.create_bucket(Bucket="bench")
    for path in (world / "manifest.csv", *sorted((world / "videos").iterdir())):
        client.upload_file(str(path), "bench", f"world/{path.relative_to(world).as_posix()}")
    return "s3://bench/world"


def _curate_in_child(source: Path | str, output: Path | str, environment: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.store_curation", str(source), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Curate once in this process."""
    from curation.profiles import CurationConfig
    from pipelines.verbs.curate import Curate, curate
    from storage.places import place_of

    source, output = map(place_of, sys.argv[1:])
    command = Curate(input=source, output=output, curation=CurationConfig(buckets=_BUCKETS), executor="local")
    before_s = _cpu_s()
    counts = curate(command).counts
    print(json.dumps({"cpu_s": _cpu_s() - before_s, "read": counts.read, "kept": counts.kept}))


def _cpu_s() -> float:
    """Of this process and of its children that have ended: whoever decodes videos has, at the end of a run."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
