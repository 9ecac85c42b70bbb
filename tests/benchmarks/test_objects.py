"""That the network which ships is the one in the package, and that the interpreter which says so is right."""

import base64
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmarks.objects import load_network, network_answer, random_picture
from benchmarks.tfjs_graph import run_graph

# What the package's own graph says of these pictures in double precision, by `python -m benchmarks.objects --package`:
# the highest score of each level, and the checksums of all scores and of all logits of distances.
PACKAGE_SAYS = {
    0: ([0.168654, 0.072898, 0.432758], [-0.0209689377, 3.3883287244]),
    1: ([0.299579, 0.078219, 0.427179], [-0.0185501579, 3.4988474992]),
}

VALID = {"padding": {"s": base64.b64encode(b"VALID").decode()}}


@pytest.mark.parametrize("seed", PACKAGE_SAYS)
def test_the_network_says_what_the_package_that_it_came_from_says(seed: int) -> None:
    best, (of_scores, of_distances) = PACKAGE_SAYS[seed]

    found = network_answer(load_network(), random_picture(seed))

    assert found.best_of_levels() == pytest.approx(best, abs=3e-6)
    assert found.checksums() == [pytest.approx(of_scores, abs=1e-6), pytest.approx(of_distances, abs=3e-5)]


@pytest.mark.parametrize("name", ["stem.0.bias", "blocks.3.units.2.second.0.weight", "heads.0.1.bias"])
def test_a_weight_that_is_a_little_off_is_noticed(name: str) -> None:
    network = load_network()
    with torch.no_grad():
        weights = network.get_parameter(name)
        weights[(0,) * weights.ndim] += 0.02
    _, (of_scores, of_distances) = PACKAGE_SAYS[0]

    found = network_answer(network, random_picture(0)).checksums()

    assert found != [pytest.approx(of_scores, abs=1e-6), pytest.approx(of_distances, abs=3e-5)]


def run_node(op: str, attributes: dict[str, Any], values: np.ndarray[Any, Any], *others: np.ndarray[Any, Any]) -> Any:
    """A graph of one node with constants."""
    names = [f"constant {number}" for number in range(len(others))]
    node = {"name": "node", "op": op, "input": ["input", *names], "attr": attributes}
    graph = {
        "modelTopology": {"node": [{"name": "input", "op": "Placeholder"}, node]},
        "signature": {"outputs": {"node:0": {}}},
    }
    return run_graph(graph, dict(zip(names, others, strict=True)), values)["node:0"]


def nhwc(values: torch.Tensor) -> np.ndarray[Any, Any]:
    return values.permute(0, 2, 3, 1).numpy()


def test_the_interpreter_convolves_pools_and_resizes_as_torch_does() -> None:
    values = torch.randn(1, 3, 9, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    twice = {"strides": {"list": {"i": ["1", "2", "2", "1"]}}, **VALID}
    middles = {"half_pixel_centers": {"b": True}, "align_corners": {"b": False}}

    convolved = run_node("Conv2D", twice, nhwc(values), weights.permute(2, 3, 1, 0).numpy())
    pooled = run_node("MaxPool", twice | {"ksize": {"list": {"i": ["1", "3", "3", "1"]}}}, nhwc(values))
    resized = run_node("ResizeBilinear", middles, nhwc(values), np.array([18, 6]))

    np.testing.assert_allclose(convolved, nhwc(functional.conv2d(values, weights, stride=2)), atol=1e-12)
    np.testing.assert_allclose(pooled, nhwc(functional.max_pool2d(values, 3, 2)))
    expected = functional.interpolate(values, (18, 6), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(resized, nhwc(expected), atol=1e-12)


def test_the_interpreter_refuses_what_it_does_not_know() -> None:
    values = np.zeros((1, 4, 4, 1))
    same = {"padding": {"s": base64.b64encode(b"SAME").decode()}}
    corners = {"half_pixel_centers": {"b": False}, "align_corners": {"b": True}}

    with pytest.raises(ValueError, match="SAME"):
        run_node("Conv2D", same, values, np.zeros((3, 3, 1, 1)))
    with pytest.raises(ValueError, match="corners"):
        run_node("ResizeBilinear", corners, values, np.array([2, 2]))
