import sys
from pathlib import Path

import pytest

from storage.libraries import library


@pytest.mark.parametrize("name", ["diffusers", "diffusers.utils"])
def test_a_library_that_is_not_installed_is_refused_with_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.delitem(sys.modules, "diffusers.utils", raising=False)

    with pytest.raises(ModuleNotFoundError, match=r"needs diffusers.*pip install 'openalchemist\[paper-encoders\]'$"):
        library(name, extra="paper-encoders")
    own = r"environment of its own, pip install -c old\.txt 'openalchemist\[x\]'"
    with pytest.raises(ModuleNotFoundError, match=own):
        library(name, extra="x", constraints="old.txt")


def test_a_library_that_lacks_something_itself_names_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "has_a_need.py").write_text("import nobody_has_this")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'nobody_has_this'$"):
        library("has_a_need", extra="paper-encoders")


def test_a_library_that_is_installed_is_its_module() -> None:
    import email.message

    assert library("email.message", extra="any") is email.message
