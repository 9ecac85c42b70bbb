from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modeling.data.batches import DataConfig
from modeling.data.range_cache import RangeCacheConfig
from modeling.data.schedule import BatchingConfig
from modeling.model.parts import Trainable
from modeling.training.config import TrainingPhase
from modeling.training.loop import train
from storage.address import Address
from tests.modeling.training.small_runs import SMALL, checkpoint, metrics, run_config, same, weights
from tests.object_store import KEY, SECRET, Proxy, bucket, proxy, session_proxy, store_url, upload

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]


def test_a_run_on_a_store_that_refuses_some_requests_is_bitwise_the_run_on_a_disk(
    make_dataset: Callable[..., Path], tmp_path: Path, bucket: str, proxy: Proxy
) -> None:
    dataset = make_dataset({SMALL: 4})
    address = upload(dataset, Address(f"{bucket}/set"))
    data = DataConfig(
        batching=BatchingConfig(tokens_per_device=4 * 12, devices_per_group=1),
        memory_mb=0,
        range_cache=RangeCacheConfig(folder=tmp_path / "kept"),
    )
    config = run_config(
        TrainingPhase(name="joint", steps=2, trainable=Trainable.ALL), data=data, reference_gain_every_steps=0
    )
    proxy.plan(4, seed=4)

    train(config, dataset=address, output=tmp_path / "remote")
    train(config, dataset=dataset, output=tmp_path / "local")

    outputs = (tmp_path / "remote", tmp_path / "local")
    remote, local = ([line["loss"] for line in metrics(output)] for output in outputs)
    assert remote == local
    assert same(*(weights(checkpoint(output, 2)) for output in outputs))
    assert proxy.disturbed
    written = b"".join(path.read_bytes() for path in outputs[0].rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert SECRET.encode() not in written
    elsewhere = replace(data, range_cache=RangeCacheConfig(folder=tmp_path / "elsewhere", max_gb=1.0), batches_ahead=3)
    train(
        run_config(*config.training.phases, data=elsewhere, reference_gain_every_steps=0),
        dataset=address,
        output=outputs[0],
    )
