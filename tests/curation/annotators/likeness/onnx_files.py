"""ONNX files, written by hand: the protocol buffers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def average_network(outputs: npt.NDArray[np.float32], *, side: int = 112) -> bytes:
    """A network that gives `outputs @ (mean of each channel)`, from (1, 3, side, side)."""
    nodes = [
        _node("GlobalAveragePool", ["pixels"], "pooled"),
        _node("Flatten", ["pooled"], "flat"),
        _node("Gemm", ["flat", "weight"], "vector"),
    ]
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, b"faces"),
            _field(5, _tensor("weight", np.ascontiguousarray(outputs.T))),
            _field(11, _value("pixels", (1, 3, side, side))),
            _field(12, _value("vector", (1, outputs.shape[0]))),
        ]
    )
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def picture_network(side: int = 112) -> bytes:
    """A network that gives a picture: it has no vector."""
    graph = b"".join(
        [
            _field(1, _node("Relu", ["pixels"], "positive")),
            _field(2, b"pictures"),
            _field(11, _value("pixels", (1, 3, side, side))),
            _field(12, _value("positive", (1, 3, side, side))),
        ]
    )
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def _varint(value: int) -> bytes:
    parts = []
    while True:
        parts.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(kind: str, inputs: Sequence[str], output: str) -> bytes:
    named = b"".join(_field(1, name.encode()) for name in inputs)
    return named + _field(2, output.encode()) + _field(3, output.encode()) + _field(4, kind.encode())


def _tensor(name: str, values: npt.NDArray[np.float32]) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    raw = struct.pack(f"<{values.size}f", *values.ravel().tolist())
    return sizes + _number(2, 1) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, shape: Sequence[int]) -> bytes:
    sizes = b"".join(_field(1, _number(1, size)) for size in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, 1) + _field(2, sizes)))
