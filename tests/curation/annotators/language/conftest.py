from pathlib import Path

import pytest

from tests.curation.annotators.language.language_model import trained_language_model


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a language model that answers in Figure 7's format; a test that changes it changes a copy."""
    return trained_language_model(tmp_path_factory.mktemp("language_model"))
