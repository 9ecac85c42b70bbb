"""The weights that ship, made again from a package of the form in which they came."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from curation.annotators.objects.conversion import convert, sha256_of
from curation.annotators.objects.nanodet import OBJECT_WEIGHTS

SHIPPED = OBJECT_WEIGHTS / "nanodet-g.safetensors"

# As the graph numbers them: where the network's parts lie, from the first convolution to the last.
STAGES = [(0, 1), (1, 2), (2, 2), (3, 3)]
PARTS = [
    "stem.0",
    *(
        f"blocks.{block}.{part}.0"
        for block, units in STAGES
        for part in (
            "entry",
            *(f"units.{unit}.{half}" for unit in range(units) for half in ("first", "second")),
            "exit",
        )
    ),
    *(f"laterals.{level}" for level in range(3)),
    *(f"heads.{level}.{part}" for level in range(3) for part in ("0.0", "1")),
]


def package(folder: Path, *, convolutions: int = 34, cut_bytes: int = 0) -> Path:
    """A package with the shipped weights, its nodes and tensors in no useful order, as TensorFlow.js stores them."""
    weights = load_file(SHIPPED)
    nodes: list[dict[str, Any]] = []
    listed: list[dict[str, Any]] = []
    content = b""
    for number, part in reversed(list(enumerate(PARTS[:convolutions]))):
        name = f"PartitionedCall/convolution{f'_{number}' if number else ''}"
        nodes.append({"op": "Add", "name": f"add {number}", "input": [name, f"bias {number}"]})
        nodes.append({"op": "Conv2D", "name": name, "input": [f"pad {number}", f"weight {number}"]})
        for kind in ("bias", "weight"):
            tensor = weights[f"{part}.{kind}"]
            stored = tensor if kind == "bias" else tensor.transpose(2, 3, 1, 0)
            quantization = {"dtype": "float16", "original_dtype": "float32"}
            entry = {"name": f"{kind} {number}", "shape": stored.shape, "dtype": "float32"}
            listed.append(entry | {"quantization": quantization})
            content += stored.tobytes()
        listed.append({"name": f"order {number}", "shape": [4], "dtype": "int32"})
        content += np.arange(4, dtype="<i4").tobytes()
    graph = {"modelTopology": {"node": nodes}, "weightsManifest": [{"paths": ["nanodet.bin"], "weights": listed}]}
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, member in (
            ("nanodet.json", json.dumps(graph).encode()),
            ("nanodet.bin", content[: len(content) - cut_bytes]),
        ):
            info = tarfile.TarInfo(f"package/models/{name}")
            info.size = len(member)
            archive.addfile(info, io.BytesIO(member))
    return path


def test_the_shipped_file_is_made_again_byte_by_byte(tmp_path: Path) -> None:
    made = package(tmp_path)

    convert(made, tmp_path / "again.safetensors", package_sha256=sha256_of(made))

    assert (tmp_path / "again.safetensors").read_bytes() == SHIPPED.read_bytes()


def test_another_package_is_refused_with_the_way_to_the_right_one(tmp_path: Path) -> None:
    made = package(tmp_path)

    with pytest.raises(ValueError, match=rf"{sha256_of(made)}, expected adbc87995b.*human-models@3\.0\.4"):
        convert(made, tmp_path / "again.safetensors")

    assert not (tmp_path / "again.safetensors").exists()


def test_another_network_is_refused(tmp_path: Path) -> None:
    made = package(tmp_path, convolutions=33)

    with pytest.raises(ValueError, match="33 convolutions, expected 34"):
        convert(made, tmp_path / "again.safetensors", package_sha256=sha256_of(made))


def test_a_file_of_tensors_that_is_cut_is_refused(tmp_path: Path) -> None:
    made = package(tmp_path, cut_bytes=2)

    with pytest.raises(ValueError, match=r"nanodet\.bin has \d+ bytes, expected \d+"):
        convert(made, tmp_path / "again.safetensors", package_sha256=sha256_of(made))


def test_the_shipped_weights_are_in_half_precision_and_as_many_as_upstream_says() -> None:
    weights = load_file(SHIPPED)

    assert {tensor.dtype for tensor in weights.values()} == {np.dtype(np.float16)}
    assert sum(tensor.size for tensor in weights.values()) == pytest.approx(3.8e6, rel=0.02)  # nanodet-g.yml
