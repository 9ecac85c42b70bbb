from pathlib import Path

import pytest

from storage.hub_names import HubName, folder_or_hub_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", HubName("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", None)),
        ("THUDM/CogVideoX-2b@refs/pr/3", HubName("THUDM/CogVideoX-2b", "refs/pr/3")),
        ("gpt2@main", HubName("gpt2", "main")),
    ],
)
def test_a_name_that_is_no_folder_is_one_on_the_hub(name: str, expected: HubName) -> None:
    assert folder_or_hub_name(name) == expected


def test_a_folder_comes_first_even_where_it_looks_like_a_hub_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner" / "name@v1").mkdir(parents=True)
    (tmp_path / "owner" / "name").mkdir()
    monkeypatch.chdir(tmp_path)

    assert folder_or_hub_name("owner/name") == Path("owner/name")
    assert folder_or_hub_name("owner/name@v1") == Path("owner/name@v1")
    assert folder_or_hub_name(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("out/wan/base", FileNotFoundError, r"'out/wan/base' is no folder here, and cannot be a name on the hub; exp"),
        ("/models/wan", FileNotFoundError, "is no folder here"),
        ("~/wan", FileNotFoundError, "is no folder here"),
        ("./wan", FileNotFoundError, "is no folder here"),
        ("owner/my model", FileNotFoundError, "is no folder here"),
        (
            "https://huggingface.co/owner/name",
            FileNotFoundError,
            "expected a folder that exists, or owner/name, with @",
        ),
        ("", FileNotFoundError, "checkpoint '' is no folder here"),
        ("@main", FileNotFoundError, "is no folder here"),
        ("owner/name@", ValueError, "has no revision behind its @; add a branch, tag or commit, or leave @ out"),
        ("here@v1", ValueError, "checkpoint 'here@v1' is the folder here, which has no revisions; leave @v1 out"),
        ("here/model.safetensors", FileNotFoundError, "is a file, expected the folder that it lies in"),
    ],
)
def test_what_is_neither_is_refused_with_what_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Exception], message: str
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "model.safetensors").touch()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(kind, match=message):
        folder_or_hub_name(name)
