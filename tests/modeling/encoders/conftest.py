from pathlib import Path

import pytest

from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints, save_tiny_checkpoints
from tests.modeling.encoders.tiny_cogvideox import save_tiny_cogvideox
from tests.modeling.encoders.tiny_hunyuan import save_tiny_hunyuan
from tests.modeling.encoders.tiny_ltx import save_tiny_ltx
from tests.modeling.encoders.tiny_wan import save_tiny_ti2v, save_tiny_wan


@pytest.fixture(scope="session")
def paper_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> TinyCheckpoints:
    """Folders of the paper's encoders, tiny and random; a test that changes one changes a copy."""
    return save_tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def tiny_wan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Wan 2.1, tiny and random; a test that changes it changes a copy."""
    return save_tiny_wan(tmp_path_factory.mktemp("wan"))


@pytest.fixture(scope="session")
def tiny_ti2v(tiny_wan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Wan 2.2 of the TI2V-5B's kind, tiny and random; a test that changes it changes a copy."""
    return save_tiny_ti2v(tmp_path_factory.mktemp("ti2v"), tiny_wan)


@pytest.fixture(scope="session")
def tiny_cogvideox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a CogVideoX of the 2B's kind, tiny and random; a test that changes it changes a copy."""
    return save_tiny_cogvideox(tmp_path_factory.mktemp("cogvideox"), is_rotary=False)


@pytest.fixture(scope="session")
def tiny_rotary_cogvideox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a CogVideoX of the 5B's kind."""
    return save_tiny_cogvideox(tmp_path_factory.mktemp("rotary_cogvideox"), is_rotary=True)


@pytest.fixture(scope="session")
def tiny_ltx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an LTX-Video 0.9, tiny and random; a test that changes it changes a copy."""
    return save_tiny_ltx(tmp_path_factory.mktemp("ltx"))


@pytest.fixture(scope="session")
def tiny_hunyuan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a HunyuanVideo, tiny and random; a test that changes it changes a copy."""
    return save_tiny_hunyuan(tmp_path_factory.mktemp("hunyuan"))
