from pathlib import Path

import pytest

from tests.chaos.kills import Undisturbed, Victim, run_killed, run_undisturbed

pytestmark = pytest.mark.slow

MOMENTS = 40


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return run_undisturbed(tmp_path_factory.mktemp("chaos") / "undisturbed")


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_run_killed_anywhere_and_started_again_ends_like_an_undisturbed_one(
    undisturbed: Undisturbed, tmp_path: Path, seed: int
) -> None:
    killed = run_killed(tmp_path / "dataset", undisturbed, seed=seed)

    assert killed.differing == ()
    assert killed.left_over == ()


def test_a_kill_interrupts_a_run(undisturbed: Undisturbed, tmp_path: Path) -> None:
    killed = run_killed(tmp_path / "dataset", undisturbed, seed=2)

    assert killed.victim is Victim.WRITER
    assert killed.rows_before < sum(map(len, undisturbed.tables.values()))
