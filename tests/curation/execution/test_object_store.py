from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from curation.execution import run
from curation.execution.executor import BrokenRunError
from curation.execution.local import LocalExecutor
from curation.execution.lock import DatasetBusyError, locked_for_run
from curation.funnel import Counts
from curation.video.decoding import decode
from curation.video.requests import ContentHash
from dataset_schema import INDEX_FOLDER, Sample, open_index, read_manifest, read_shard, shard_paths
from storage.address import Address
from tests.curation.made_videos import decode_request, write_barcodes
from tests.curation.scripted_stages import MeasureStage, curate, mixed_clips, read_tables, three_stages
from tests.object_store import KEY, SECRET, Proxy, bucket, proxy, put, session_proxy, store_url
from video_reading.part import Span

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]


def local_tables(tmp_path: Path, *, clips: int, slow: bool) -> dict[str, list[Any]]:
    curate(mixed_clips(clips, slow=slow), tmp_path / "local", LocalExecutor())
    return read_tables(tmp_path / "local")


@pytest.mark.parametrize("every", [4, *(pytest.param(every, marks=pytest.mark.slow) for every in (0, 2))])
def test_a_run_into_a_store_that_refuses_some_requests_ends_as_on_a_disk(
    every: int, tmp_path: Path, bucket: str, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = Address(f"{bucket}/set")
    proxy.plan(every, seed=every)

    curate(mixed_clips(10, slow=False), dataset, LocalExecutor())
    proxy.plan(0, 0)

    assert read_tables(dataset) == local_tables(tmp_path, clips=10, slow=False)
    assert read_manifest(dataset).complete
    written = {path.name: path.read_bytes() for path in Address(bucket).rglob("*")}
    assert {name for name in written if name.startswith(".")} == {".run.lock"}
    for secret in (KEY, SECRET):
        assert not any(secret.encode() in content for content in written.values())
        assert secret not in caplog.text


def test_the_second_run_is_told_who_writes(bucket: str) -> None:
    dataset = Address(f"{bucket}/set")

    with locked_for_run(dataset, lease_s=1.0) as holder, pytest.raises(DatasetBusyError) as told:
        curate(mixed_clips(3, slow=False), dataset, LocalExecutor())

    assert f"another run; wait for its end, or stop it (process {holder.pid} on {holder.host}, since" in str(told.value)


def test_a_store_that_goes_down_ends_the_run_with_a_sentence_and_the_same_command_goes_on(
    tmp_path: Path, bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.bucket._PATIENCE_S", 0.1)
    monkeypatch.setattr("storage.bucket._LIBRARY_PATIENCE_S", 0.1)
    monkeypatch.setattr(run, "locked_for_run", partial(locked_for_run, lease_s=1.0))
    dataset = Address(f"{bucket}/set")

    def go_down(counts: Counts) -> None:
        if counts.read == 15:
            proxy.always = (503, "SlowDown")

    with pytest.raises(OSError, match=r"the store refuses requests \(503 SlowDown\)"):
        curate(mixed_clips(20, slow=False), dataset, LocalExecutor(), on_progress=go_down)
    proxy.plan(0, 0)
    finished = sum(map(len, read_tables(dataset).values()))
    curate(mixed_clips(20, slow=False), dataset, LocalExecutor())

    assert 0 < finished < 20
    assert read_tables(dataset) == local_tables(tmp_path, clips=20, slow=False)


def test_a_shard_that_was_deleted_is_curated_again_and_no_other_clip(tmp_path: Path, bucket: str) -> None:
    dataset = Address(f"{bucket}/set")
    curate(mixed_clips(20, slow=False), dataset, LocalExecutor())
    gone = shard_paths(dataset, Sample)[1]
    lost = {sample.clip_id for sample in read_shard(gone, Sample)}
    gone.unlink()
    stages = three_stages()

    curate(mixed_clips(20, slow=False), dataset, LocalExecutor(), lambda: stages)

    assert isinstance(stages[0], MeasureStage)
    assert {clip_id for batch in stages[0].seen for clip_id in batch} == lost
    assert read_tables(dataset) == local_tables(tmp_path, clips=20, slow=False)


def test_a_shard_deleted_while_the_run_writes_is_told_and_the_same_command_makes_it_whole(
    tmp_path: Path, bucket: str
) -> None:
    dataset = Address(f"{bucket}/set")

    def delete_one(counts: Counts) -> None:
        if counts.read == 15:
            shard_paths(dataset, Sample)[0].unlink()

    with pytest.raises(BrokenRunError, match=r"holds 17 clips .* 20 were written .*run the same command again"):
        curate(mixed_clips(20, slow=False), dataset, LocalExecutor(), on_progress=delete_one)
    assert not read_manifest(dataset).complete
    curate(mixed_clips(20, slow=False), dataset, LocalExecutor())

    assert read_tables(dataset) == local_tables(tmp_path, clips=20, slow=False)
    assert read_manifest(dataset).complete


def test_an_index_of_another_dataset_is_told_and_counts_for_nothing(
    tmp_path: Path, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    dataset, other = Address(f"{bucket}/set"), Address(f"{bucket}/other")
    curate(mixed_clips(10, slow=False), dataset, LocalExecutor())
    curate(mixed_clips(4, slow=False), other, LocalExecutor())
    (part,) = (other / INDEX_FOLDER).iterdir()
    dataset.bucket.put((dataset / "index/part-00001.parquet").key, part.read_bytes())

    result = curate(mixed_clips(10, slow=False), dataset, LocalExecutor())

    assert "it belongs to the dataset with id" in caplog.text
    assert result.counts.read == open_index(dataset).num_rows == 10
    assert len(open_index(dataset).unwritten()) == 0
    assert read_tables(dataset) == local_tables(tmp_path, clips=10, slow=False)


def test_a_video_in_a_store_is_not_fetched_twice_for_its_hash(tmp_path: Path, bucket: str, proxy: Proxy) -> None:
    video = write_barcodes(tmp_path / "a.mp4", 48)
    content = video.read_bytes()
    put(f"{bucket}/a.mp4", content)
    request = decode_request(video)
    request = replace(request, part=replace(request.part, file=Address(f"{bucket}/a.mp4")))
    proxy.plan(0, 0)

    found = decode(replace(request, content_hash=ContentHash.AT_HAND))

    assert found.content_sha256 == sha256(content).hexdigest()
    assert proxy.served_bytes < 1.1 * len(content)

    span = replace(request, part=replace(request.part, span=Span(start_s=0.5, end_s=1.0)))
    assert decode(replace(span, content_hash=ContentHash.AT_HAND)).content_sha256 is None
    assert decode(replace(span, content_hash=ContentHash.ALWAYS)).content_sha256 == sha256(content).hexdigest()
