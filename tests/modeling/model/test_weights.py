"""Weights as files: readable by others, and never half written."""

import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from modeling.model.weights import write_weights


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_weights_are_as_readable_as_any_other_file(umask: int, mode: int, tmp_path: Path) -> None:
    usual = os.umask(umask)
    try:
        write_weights(tmp_path / "model.safetensors", {"a": torch.ones(2)})
    finally:
        os.umask(usual)

    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == mode


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3).T  # not contiguous

    write_weights(tmp_path / "model.safetensors", {"weight": weight})

    assert torch.equal(load_file(tmp_path / "model.safetensors")["weight"], weight)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:  # which other libraries ask for
        assert file.metadata() == {"format": "pt"}
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_weights_that_cannot_be_written_leave_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_weights(path, {"a": torch.ones(2)})
    shared = torch.ones(2)

    with pytest.raises(RuntimeError, match="share memory"):
        write_weights(path, {"a": shared, "b": shared})

    assert torch.equal(load_file(path)["a"], torch.ones(2))
    assert set(load_file(path)) == {"a"}
