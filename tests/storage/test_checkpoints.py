from hashlib import sha256
from pathlib import Path

import pytest

from storage.checkpoints import checkpoint_folder, checkpoint_parts, files_hash


def make_checkpoint(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "t5", "model.safetensors")

    assert checkpoint_folder(str(folder)) == folder


def test_a_part_is_found_in_the_whole_and_alone(tmp_path: Path) -> None:
    part = make_checkpoint(tmp_path / "cogvideox" / "vae", "model.safetensors")

    assert checkpoint_folder(str(part.parent), subfolder="vae") == part
    assert checkpoint_folder(str(part), subfolder="vae") == part


def test_a_checkpoint_that_is_nowhere_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in (str(tmp_path / "nothing"), "nobody/nothing", "nobody/nothing@main"):
        with pytest.raises(FileNotFoundError, match=rf"checkpoint '{name}' is neither a folder .* give its folder"):
            checkpoint_folder(name)


def test_a_hub_name_fetches_safetensors_and_configs_of_the_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = make_checkpoint(tmp_path / "snapshot" / "vae", "model.safetensors")
    asked: list[object] = []

    def snapshot_download(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, revision, allow_patterns))
        return str(part.parent)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)

    found = [checkpoint_folder(name, subfolder="vae") for name in ("nobody/video", "nobody/video@abc")]

    patterns = ["vae/*.json", "vae/*.txt", "vae/*.model", "vae/*.safetensors"]
    assert found == [part, part]
    assert asked == [("nobody/video", None, patterns), ("nobody/video", "abc", patterns)]
    assert checkpoint_parts("nobody/video", [".", "vae"]) == part.parent
    assert asked[-1] == ("nobody/video", None, [pattern.removeprefix("vae/") for pattern in patterns] + patterns)


def test_weights_in_another_format_are_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "t5", "config.json", "pytorch_model.bin")

    with pytest.raises(FileNotFoundError, match=r"holds config\.json, pytorch_model\.bin, expected .*save_pretrained"):
        checkpoint_folder(str(folder))


def test_the_hash_follows_names_and_contents_and_not_the_place(tmp_path: Path) -> None:
    one = make_checkpoint(tmp_path / "one", "config.json", "model.safetensors")
    same = make_checkpoint(tmp_path / "same", "config.json", "model.safetensors", "README.md")
    renamed = make_checkpoint(tmp_path / "renamed", "config.json")
    (renamed / "other.safetensors").write_text("model.safetensors")
    changed = make_checkpoint(tmp_path / "changed", "config.json", "model.safetensors")
    (changed / "config.json").write_text("{}")

    hashes = [files_hash(folder) for folder in (one, same, renamed, changed)]

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_large_file_in_the_hubs_cache_is_known_by_its_name_and_not_read(tmp_path: Path) -> None:
    plain = make_checkpoint(tmp_path / "plain", "model.safetensors")
    blobs = make_checkpoint(tmp_path / "cache" / "blobs")
    snapshot = make_checkpoint(tmp_path / "cache" / "snapshots" / "abc")
    blob = blobs / sha256(b"model.safetensors").hexdigest()
    blob.write_text("something that is not what its name says, to see that it is not read")
    (snapshot / "model.safetensors").symlink_to(blob)

    assert files_hash(snapshot) == files_hash(plain)
