"""One set of stages for all layouts: each would start a process that decodes."""

from collections.abc import Iterator

import pytest

from curation.execution.chain import StageChain
from tests.curation.imports.curated import open_chain


@pytest.fixture(scope="session")
def chain() -> Iterator[StageChain]:
    with open_chain() as chain:
        yield chain
