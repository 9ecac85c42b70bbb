from pathlib import Path

import pytest

from storage.busy import BusyError
from storage.lock import held_alone


def test_a_place_has_one_holder_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "new" / ".lock"

    with held_alone(lock, busy="somebody is at work"):
        with pytest.raises(BusyError, match="somebody is at work"), held_alone(lock, busy="somebody is at work"):
            pass
        held = lock.exists()
    with held_alone(lock, busy="somebody is at work"):
        again = True

    assert held
    assert again


def test_an_error_lets_go_of_the_place(tmp_path: Path) -> None:
    with pytest.raises(KeyError), held_alone(tmp_path / ".lock", busy="somebody is at work"):
        raise KeyError

    with held_alone(tmp_path / ".lock", busy="somebody is at work"):
        pass
