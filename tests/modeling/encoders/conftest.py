import pytest

from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints, save_tiny_checkpoints


@pytest.fixture(scope="session")
def paper_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> TinyCheckpoints:
    """Folders of the paper's encoders, tiny and random; a test that changes one changes a copy."""
    return save_tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"))
