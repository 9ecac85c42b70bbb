from pathlib import Path

import pytest

from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints, save_tiny_checkpoints
from tests.modeling.encoders.tiny_wan import save_tiny_wan


@pytest.fixture(scope="session")
def paper_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> TinyCheckpoints:
    """Folders of the paper's encoders, tiny and random; a test that changes one changes a copy."""
    return save_tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def tiny_wan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Wan 2.1, tiny and random; a test that changes it changes a copy."""
    return save_tiny_wan(tmp_path_factory.mktemp("wan"))
