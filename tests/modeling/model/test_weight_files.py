"""Weights as files: readable by others, never half written, and never all of them in memory."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import (
    load_state_dict_from_file,
    load_torch_model,
    save_torch_state_dict,
    split_torch_state_dict_into_shards,
)
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.utils.hub import get_checkpoint_shard_files

from modeling.model.weight_files import has_weights, read_weights, weights_sha256, write_file, write_weights

INDEX = "model.safetensors.index.json"

# Bytes 1024, 1024, 4096, 512, 512, 512: with 1536 to a file, the large one is a file alone, among the others.
SIZES = {"first": 256, "second": 256, "third": 1024, "fourth": 128, "fifth": 128, "sixth": 128}
LIMIT = 1536
FILES = {
    "model-00001-of-00004.safetensors": {"first"},
    "model-00002-of-00004.safetensors": {"third"},
    "model-00003-of-00004.safetensors": {"second", "fourth"},
    "model-00004-of-00004.safetensors": {"fifth", "sixth"},
}


def draw(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(size, generator=generator) for name, size in SIZES.items()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    write_weights(tmp_path / "sharded", draw().items(), max_file_bytes=LIMIT)
    return tmp_path / "sharded"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_weights_are_as_readable_as_any_other_file(umask: int, mode: int, tmp_path: Path) -> None:
    usual = os.umask(umask)
    try:
        write_weights(tmp_path, draw().items(), max_file_bytes=LIMIT)
    finally:
        os.umask(usual)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {mode}


def test_small_weights_are_one_file_without_an_index(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3).T  # not contiguous

    write_weights(tmp_path, [("weight", weight)])

    assert torch.equal(load_file(tmp_path / "model.safetensors")["weight"], weight)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:  # which other libraries ask for
        assert file.metadata() == {"format": "pt"}
    assert files(tmp_path) == {"model.safetensors"}
    assert same(dict(read_weights(tmp_path)), {"weight": weight})


def test_large_weights_are_several_files_divided_as_the_hubs_library_does(sharded: Path) -> None:
    theirs = split_torch_state_dict_into_shards(
        draw(), filename_pattern="model{suffix}.safetensors", max_shard_size=LIMIT
    )

    assert files(sharded) == {*FILES, INDEX}
    assert {name: set(load_file(sharded / name)) for name in FILES} == FILES
    assert {name: set(weights) for name, weights in theirs.filename_to_tensors.items()} == FILES
    index = json.loads((sharded / INDEX).read_text())
    assert index["metadata"]["total_size"] == theirs.metadata["total_size"] == 4 * sum(SIZES.values())
    assert index["weight_map"] == theirs.tensor_to_filename
    assert same(dict(read_weights(sharded)), draw())


def test_the_hubs_libraries_read_what_is_written_here(sharded: Path) -> None:
    model = nn.ParameterDict({name: torch.zeros(size) for name, size in SIZES.items()})

    load_torch_model(model, sharded, strict=True)

    assert same({name: weight.detach() for name, weight in model.items()}, draw())
    index = str(sharded / INDEX)
    paths, _ = get_checkpoint_shard_files(str(sharded), index)  # type: ignore[no-untyped-call]  # it has no types
    assert same({name: each for path in paths for name, each in load_state_dict_from_file(path).items()}, draw())


def test_what_the_hubs_library_writes_is_read_here(tmp_path: Path) -> None:
    save_torch_state_dict(draw(), tmp_path, max_shard_size=LIMIT)

    assert same(dict(read_weights(tmp_path)), draw())


def test_larger_and_smaller_weights_take_each_others_place(sharded: Path) -> None:
    small = {"first": torch.ones(2)}

    write_weights(sharded, small.items())
    assert files(sharded) == {"model.safetensors"}
    assert same(dict(read_weights(sharded)), small)

    write_weights(sharded, draw(1).items(), max_file_bytes=LIMIT)
    assert files(sharded) == {*FILES, INDEX}
    assert same(dict(read_weights(sharded)), draw(1))

    write_weights(sharded, draw(2).items(), max_file_bytes=6000)
    assert files(sharded) == {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", INDEX}
    assert same(dict(read_weights(sharded)), draw(2))


def test_weights_that_cannot_be_written_leave_the_old_ones(sharded: Path) -> None:
    def until_the_fourth() -> Iterator[tuple[str, torch.Tensor]]:
        yield from list(draw(1).items())[:4]
        raise OSError("the device is gone")

    shared = torch.ones(2)
    with pytest.raises(OSError, match="the device is gone"):
        write_weights(sharded, until_the_fourth(), max_file_bytes=LIMIT)
    with pytest.raises(RuntimeError, match="share memory"):
        write_weights(sharded, {"a": shared, "b": shared}.items())

    assert files(sharded) == {*FILES, INDEX}
    assert same(dict(read_weights(sharded)), draw())


def test_what_a_killed_write_left_is_gone_after_the_next(sharded: Path) -> None:
    (sharded / ".weights-7.safetensors").write_bytes(b"half a file")

    write_weights(sharded, draw(1).items(), max_file_bytes=LIMIT)

    assert files(sharded) == {*FILES, INDEX}


def test_missing_files_are_named_before_anything_is_read(sharded: Path) -> None:
    (sharded / "model-00002-of-00004.safetensors").unlink()
    (sharded / "model-00004-of-00004.safetensors").unlink()

    with pytest.raises(
        FileNotFoundError,
        match=r"sharded lacks model-00002-of-00004\.safetensors, model-00004-of-.*, 2 of the 4 files of weights",
    ):
        read_weights(sharded)
    assert has_weights(sharded)


def test_a_file_of_other_weights_is_named(sharded: Path) -> None:
    save_file({"other": torch.ones(2)}, sharded / "model-00002-of-00004.safetensors")

    with pytest.raises(ValueError, match=r"model-00002-of-00004\.safetensors is not the file that .*index\.json tells"):
        dict(read_weights(sharded))


def test_a_damaged_file_of_several_is_named(sharded: Path) -> None:
    path = sharded / "model-00003-of-00004.safetensors"
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(ValueError, match=r"model-00003-of-00004\.safetensors is damaged"):
        dict(read_weights(sharded))


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"metadata": {}}', '{"weight_map": {"first": "../model.safetensors"}}', '{"weight_map": 3}']
)
def test_an_index_that_names_no_files_beside_it_is_damaged(content: str, sharded: Path) -> None:
    (sharded / INDEX).write_text(content)

    with pytest.raises(ValueError, match=r"index\.json is damaged.*copy it again"):
        read_weights(sharded)


def test_a_folder_without_weights_has_none(tmp_path: Path) -> None:
    write_file(tmp_path / "other.safetensors", draw())

    assert not has_weights(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"model\.safetensors does not exist, nor does model\.safetensors\.index"
    ):
        read_weights(tmp_path)


def test_the_hash_is_that_of_the_files_one_behind_the_other(sharded: Path, tmp_path: Path) -> None:
    write_weights(tmp_path / "one", draw().items())

    for folder, names in ((sharded, sorted(FILES)), (tmp_path / "one", ["model.safetensors"])):
        together = b"".join((folder / name).read_bytes() for name in names)
        assert weights_sha256(folder) == hashlib.sha256(together).hexdigest()
    before = weights_sha256(sharded)
    write_weights(sharded, {**draw(), "sixth": torch.ones(128)}.items(), max_file_bytes=LIMIT)
    assert weights_sha256(sharded) != before


@pytest.mark.slow
def test_writing_holds_one_file_and_reading_one_weight_at_a_time(tmp_path: Path) -> None:
    script, root = Path(__file__).with_name("count_memory.py"), Path(__file__).parents[3]
    environment = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    used_mib = {}
    for what in ("write", "read"):
        done = subprocess.run(
            [sys.executable, str(script), what, str(tmp_path)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        used_mib[what] = float(done.stdout)

    # Of 128 MiB: a file holds 16, a weight 4; and the weight that begins the next file is there already.
    assert sum(path.stat().st_size for path in tmp_path.glob("*.safetensors")) > 128 * 2**20
    assert 16 <= used_mib["write"] < 16 + 3 * 4
    assert 4 <= used_mib["read"] < 3 * 4
