import json
from hashlib import sha256
from pathlib import Path

import pytest

from storage.checkpoints import checkpoint_file, checkpoint_folder, checkpoint_parts, files_hash


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
    for name in ("nobody/nothing", "nobody/nothing@main"):
        with pytest.raises(FileNotFoundError, match=rf"checkpoint '{name}' is neither a folder .* give its folder"):
            checkpoint_folder(name)


def in_the_hubs_cache(cache: Path, *parts: str) -> Path:
    """The snapshot of `nobody/video`, tagged v1, with these parts alone, as a download of them leaves it."""
    repository = cache / "models--nobody--video"
    snapshot = repository / "snapshots" / ("b" * 40)
    (repository / "refs").mkdir(parents=True)
    for revision in ("main", "v1"):
        (repository / "refs" / revision).write_text(snapshot.name)
    for part in parts:
        make_checkpoint(snapshot / part, "model.safetensors")
    return snapshot


def test_without_a_network_the_hubs_cache_gives_what_it_has_and_says_what_it_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = in_the_hubs_cache(tmp_path, "transformer")
    (snapshot / "whole.safetensors").write_text("of another form, which is not the part")
    (snapshot / "model_index.json").write_text("{}")

    found = [checkpoint_folder(f"nobody/video{at}", subfolder="transformer") for at in ("", "@v1", f"@{'b' * 40}")]

    assert found == [snapshot / "transformer"] * 3
    assert checkpoint_file("nobody/video@v1", "model_index.json") == snapshot / "model_index.json"
    with pytest.raises(FileNotFoundError, match=r"'nobody/video@v1' is neither .* has no folder vae\); download"):
        checkpoint_folder("nobody/video@v1", subfolder="vae")
    with pytest.raises(FileNotFoundError, match=r"'nobody/video' is neither .* has no modular\.json\); download"):
        checkpoint_file("nobody/video", "modular.json")
    with pytest.raises(FileNotFoundError, match=r"'nobody/video@v2' is neither a folder nor to be had"):
        checkpoint_folder("nobody/video@v2", subfolder="transformer")


def test_a_file_of_a_folder_is_found_or_none(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "wan", "model_index.json")

    assert checkpoint_file(str(folder), "model_index.json") == folder / "model_index.json"
    assert checkpoint_file(str(folder), "modular.json") is None


def test_weights_of_which_files_are_missing_are_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "t5", "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-3.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(
        FileNotFoundError, match=r"lacks 2 of the 3 files that .*index\.json names, model-2.* first; copy"
    ):
        checkpoint_folder(str(folder))


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
