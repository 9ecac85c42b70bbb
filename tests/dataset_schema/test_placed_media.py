"""One clip's media by byte ranges: what is read for it is counted by what serves the bytes."""

import asyncio
import io
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from dataset_schema import Payload, Sample, media_places, open_shard, write_shard
from dataset_schema.arrow import SAMPLES_SCHEMA
from dataset_schema.placed_media import PLACES_KEY, encode
from dataset_schema.rows import to_row
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES, GOLDEN_SHARD_3_1
from tests.dataset_schema.test_layout import contents_of, sample

SAMPLES = [
    sample(
        number,
        Payload(bytes=bytes([number]) * 150_000),
        [[Payload(bytes=bytes([number, 1]) * 3000), Payload(path="elsewhere.png")], [Payload(bytes=b"small")]],
        Payload(bytes=bytes([number, 2]) * 9000) if number % 2 else None,
    )
    for number in range(20)
]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "part.parquet"
    write_shard(path, SAMPLES)
    return path


class CountingFile(io.RawIOBase):
    """A file that can only be read by ranges, and counts the bytes it was asked for."""

    def __init__(self, size_bytes: int, read_range: Callable[[int, int], bytes]) -> None:
        self.served_bytes = 0
        self._size_bytes = size_bytes
        self._read_range = read_range
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size_bytes if size < 0 else min(self._at + size, self._size_bytes)
        found = self._read_range(self._at, end) if end > self._at else b""
        self.served_bytes += len(found)
        self._at = end
        return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a web server that shows a folder, and answers ranges."""
    loop = asyncio.new_event_loop()
    application = web.Application()
    application.router.add_static("/", folder)
    runner = web.AppRunner(application)
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        _, port = runner.addresses[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def on_disk(shard: Path) -> CountingFile:
    content = shard.read_bytes()
    return CountingFile(len(content), lambda start, end: content[start:end])


@pytest.fixture
def by_http(shard: Path) -> Iterator[CountingFile]:
    with served(shard.parent) as url:

        def read_range(start: int, end: int) -> bytes:
            request = urllib.request.Request(f"{url}/{shard.name}", headers={"Range": f"bytes={start}-{end - 1}"})
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 206
                return bytes(answer.read())

        yield CountingFile(shard.stat().st_size, read_range)


@pytest.mark.parametrize("where", ["on_disk", "by_http"])
def test_one_clip_costs_its_own_bytes_once_the_footer_is_read(
    where: str, shard: Path, request: pytest.FixtureRequest
) -> None:
    file: CountingFile = request.getfixturevalue(where)
    with pq.ParquetFile(file) as opened:
        places = media_places(opened)
        footer_bytes = opened.metadata.serialized_size
    assert places is not None
    # What pyarrow asks for without knowing the footer's length, and the footer.
    assert file.served_bytes <= 2**16 + footer_bytes

    for number in (17, 2):
        file.served_bytes = 0
        found = []
        for offset, length in zip(places.offsets[number].as_py(), places.lengths[number].as_py(), strict=True):
            file.seek(offset or 0)
            found.append(None if offset is None else file.read(length))

        media = contents_of(SAMPLES[number])
        assert found == media
        assert file.served_bytes == sum(len(content) for content in media if content is not None)


def test_places_weigh_little(shard: Path) -> None:
    payloads = sum(len(contents_of(record)) for record in SAMPLES)

    with open_shard(shard, Sample) as file:
        said = file.metadata.metadata[PLACES_KEY]

    assert len(said) < 20 * payloads + 1000


def test_a_shard_of_an_older_version_says_nothing(tmp_path: Path) -> None:
    with open_shard(GOLDEN_SHARD_3_1, Sample) as file:
        assert media_places(file) is None


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("rows", [[1, 0], [0], [0, 1, 1]])
def test_places_that_another_tool_copied_with_the_footer_are_not_believed(
    rows: Sequence[int], compression: str, tmp_path: Path
) -> None:
    write_shard(tmp_path / "part.parquet", GOLDEN_SAMPLES)
    with pq.ParquetFile(tmp_path / "part.parquet") as file:
        table, said = file.read().take(list(rows)), file.metadata.metadata[PLACES_KEY]

    with pq.ParquetWriter(tmp_path / "part.parquet", SAMPLES_SCHEMA, compression=compression) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({PLACES_KEY: said})

    with open_shard(tmp_path / "part.parquet", Sample) as file:
        assert media_places(file) is None


Numbers = list[list[int | None]]


@pytest.mark.parametrize(
    ("offsets", "lengths", "problem"),
    [
        ([[9]], [[1]], "places the media of 1 rows and measures those of 1, expected 2"),
        ([[9], [9]], [[1], []], "places other media than it measures"),
        ([[9], [None]], [[1], [1]], "places other media than it measures"),
        ([[9], [2**40]], [[1], [1]], "places media at bytes 9 to 1099511627777, expected them in 0 to"),
        ([[9], [-1]], [[1], [1]], "places media at bytes -1 to"),
        ([[9], [2**63 - 1]], [[1], [1]], "overflow"),
    ],
)
def test_places_that_cannot_be_are_told_with_the_shard(
    offsets: Numbers, lengths: Numbers, problem: str, tmp_path: Path
) -> None:
    written_with(tmp_path / "part.parquet", lambda ends: encode(offsets, lengths, ends))

    with (
        pytest.raises(ValueError, match=rf"shard .*part\.parquet cannot be read \(.*{problem}"),
        open_shard(tmp_path / "part.parquet", Sample) as file,
    ):
        media_places(file)


@pytest.mark.parametrize("said", [b"", b"?", b"AAAA", encode([], [], [])])
def test_places_in_another_form_are_told_with_the_shard(said: bytes, tmp_path: Path) -> None:
    written_with(tmp_path / "part.parquet", lambda _: said)

    with (
        pytest.raises(ValueError, match=r"shard .*part\.parquet cannot be read \(its footer says in no known form"),
        open_shard(tmp_path / "part.parquet", Sample) as file,
    ):
        media_places(file)


def written_with(path: Path, said: Callable[[list[int]], bytes]) -> None:
    """A shard of two rows whose footer says something about its media; `said` is told where its row group ends."""
    rows = [to_row(record) for record in GOLDEN_SAMPLES[:2]]
    with pa.OSFile(str(path), "wb") as sink, pq.ParquetWriter(sink, SAMPLES_SCHEMA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=SAMPLES_SCHEMA))
        writer.add_key_value_metadata({PLACES_KEY: said([sink.tell()])})
