"""What a TensorFlow.js graph computes, by numpy alone in double precision: as much of it as NanoDet needs.

It follows the graph node by node and knows nothing of the network that curation runs, so that the two can be compared.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Attributes: TypeAlias = Mapping[str, Any]


def run_graph(graph: Mapping[str, Any], tensors: Mapping[str, Array], picture: Array) -> dict[str, Array]:
    """The graph's outputs by the names that its signature gives them.

    Args:
        graph: its JSON.
        tensors: its constants by name.
        picture: for its only placeholder.
    """
    nodes = {node["name"]: node for node in graph["modelTopology"]["node"]}
    known: dict[str, Any] = {name: tensor.astype(_wide(tensor)) for name, tensor in tensors.items()}

    def value(reference: str) -> Any:
        name, _, part = reference.partition(":")
        if name not in known:
            node = nodes[name]
            known[name] = (
                picture.astype(np.float64)
                if node["op"] == "Placeholder"
                else _OPERATIONS[node["op"]](node.get("attr", {}), *map(value, node["input"]))
            )
        return known[name][int(part or 0)] if isinstance(known[name], list) else known[name]

    return {name: value(name) for name in graph["signature"]["outputs"]}


def _wide(tensor: Array) -> type:
    return np.float64 if tensor.dtype.kind == "f" else np.int64


def _convolve(attributes: Attributes, values: Array, weights: Array) -> Array:
    """NHWC with HWIO, without padding, which this graph adds before."""
    _expect_valid(attributes)
    rows, columns, _, outputs = weights.shape
    _, down, across, _ = (int(step) for step in attributes["strides"]["list"]["i"])
    windows = np.lib.stride_tricks.sliding_window_view(values, (rows, columns), axis=(1, 2))[:, ::down, ::across]
    flat = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    return np.asarray(flat @ weights.reshape(-1, outputs))


def _max_pool(attributes: Attributes, values: Array) -> Array:
    _expect_valid(attributes)
    _, rows, columns, _ = (int(side) for side in attributes["ksize"]["list"]["i"])
    _, down, across, _ = (int(step) for step in attributes["strides"]["list"]["i"])
    windows = np.lib.stride_tricks.sliding_window_view(values, (rows, columns), axis=(1, 2))
    return np.asarray(windows[:, ::down, ::across].max(axis=(-2, -1)))


def _expect_valid(attributes: Attributes) -> None:
    if (found := base64.b64decode(attributes["padding"]["s"])) != b"VALID":
        raise ValueError(f"a node pads by {found!r}, expected VALID, which is all that this interpreter knows")


def _resize(attributes: Attributes, values: Array, size: Array) -> Array:
    """Bilinear; a pixel's middle stays where it is in the picture."""
    if not attributes["half_pixel_centers"]["b"] or attributes["align_corners"]["b"]:
        raise ValueError("a node resizes by corners, expected half_pixel_centers")
    for axis, length in zip((1, 2), size.tolist(), strict=True):
        before = values.shape[axis]
        at = ((np.arange(length) + 0.5) * before / length - 0.5).clip(0, before - 1)
        low = np.floor(at).astype(int)
        share = (at - low).reshape([-1 if one == axis else 1 for one in range(4)])
        high = np.minimum(low + 1, before - 1)
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values


def _dense(_: Attributes, places: Array, shape: Array, filled: Array, default: Array) -> Array:
    dense = np.full(shape, default)
    dense[tuple(places.T)] = filled
    return dense


def _split(_: Attributes, values: Array, sizes: Array, axis: Array) -> list[Array]:
    return np.split(values, np.cumsum(sizes)[:-1], int(axis))


def _leaky(attributes: Attributes, values: Array) -> Array:
    return np.where(values > 0, values, attributes["alpha"]["f"] * values)


def _concatenate(_: Attributes, *values: Array) -> Array:
    return np.concatenate(values[:-1], int(values[-1]))


_OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "Add": lambda _, one, other: one + other,
    "AddV2": lambda _, one, other: one + other,
    "ConcatV2": _concatenate,
    "Conv2D": _convolve,
    "Identity": lambda _, values: values,
    "LeakyRelu": _leaky,
    "MaxPool": _max_pool,
    "Pad": lambda _, values, widths: np.pad(values, widths),
    "PadV2": lambda _, values, widths, filler: np.pad(values, widths, constant_values=filler),
    "Reshape": lambda _, values, shape: values.reshape(shape),
    "ResizeBilinear": _resize,
    "Sigmoid": lambda _, values: 1 / (1 + np.exp(-values)),
    "SparseToDense": _dense,
    "SplitV": _split,
    "Transpose": lambda _, values, order: values.transpose(order),
}
