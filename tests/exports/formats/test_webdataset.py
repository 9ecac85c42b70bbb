"""Read by `datasets`, and as the `webdataset` package groups members: by what stands before the first dot."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image

from dataset_schema import Source
from exports.clip import ExportedClip, ExportedVideo, File
from exports.formats.hub_card import card
from exports.formats.webdataset import WebDataset
from tests.exports.formats.conftest import ONE, TWO, Exported
from tests.exports.formats.reading import rgb
from tests.exports.made_clips import BLUE, RED, make_sample


def read(folder: Path) -> dict[str, dict[str, bytes]]:
    """Samples by key: members stand together, no name twice."""
    samples: dict[str, dict[str, bytes]] = {}
    last = None
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, field = member.name.partition(".")
                assert key == last or key not in samples, "a sample's members are apart"
                last = key
                fields = samples.setdefault(key, {})
                assert field not in fields
                content = tar.extractfile(member)
                assert content is not None
                fields[field] = content.read()
    return samples


def test_words_places_scores_and_transparency_stay(exported: Callable[..., Exported]) -> None:
    found = exported("webdataset")

    samples = read(found.folder)

    assert set(samples) == set(found.samples)
    assert len({frozenset(fields) for fields in samples.values()}) == 1, "fields that the first five lack are dropped"
    for clip, fields in samples.items():
        sample = found.samples[clip]
        assert fields["mp4"] == sample.video.bytes
        assert fields["txt"].decode() == sample.caption
        facts = json.loads(fields["json"])
        assert facts["scores"] == sample.scores.known()
        assert [(e["word"], e["kind"], e["start"], e["end"]) for e in facts["entities"]] == [
            (e.word, e.kind, e.start, e.end) for e in sample.entities
        ]
        for entity, written in zip(sample.entities, facts["entities"], strict=True):
            assert len(written["references"]) == len(entity.references)
    woman = samples[TWO][f"ref{json.loads(samples[TWO]['json'])['entities'][0]['references'][0]}.png"]
    picture = np.asarray(Image.open(io.BytesIO(woman)))
    assert picture.shape == (40, 30, 4)
    assert picture[20, 15].tolist() == [*RED, 255]
    assert picture[0, 0].tolist() == [255, 255, 255, 0]
    assert rgb(woman)[0, 0].tolist() == [255, 255, 255]
    assert Image.open(io.BytesIO(samples[ONE]["ref7.png"])).size == (1, 1)
    assert rgb(samples[ONE]["ref0.png"])[10, 30].tolist() == [*BLUE]


def test_datasets_opens_it_as_its_card_says(
    exported: Callable[..., Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "TORCHCODEC_AVAILABLE", False)  # as without FFmpeg: nothing is decoded
    found = exported("webdataset")
    head = yaml.safe_load((found.folder / "README.md").read_text(encoding="utf-8").split("---")[1])

    rows = datasets.load_dataset(
        "webdataset", data_files=str(found.folder / "*.tar"), split="train", streaming=True
    ).decode(False)

    assert head["configs"] == [{"config_name": "default", "data_files": "*.tar"}]
    assert (head["license"], head["task_categories"]) == ("cc-by-4.0", ["text-to-video"])
    assert {"subject-to-video", "webdataset"} <= set(head["tags"])
    assert head["size_categories"] == ["n<1K"]
    assert {row["__key__"]: row["txt"] for row in rows} == {
        sample.clip_id: sample.caption for sample in found.samples.values()
    }


def test_an_id_with_a_dot_would_merge_clips_and_is_found() -> None:
    video = ExportedVideo(
        file=File(name="a.b.mp4"),
        frames=1,
        num_frames=1,
        fps=24.0,
        height=2,
        width=2,
        has_sound=False,
        is_copy=True,
        footage="published",
    )
    clip = ExportedClip(
        clip_id="a.b",
        source=Source(id="0", uri="u"),
        group="",
        caption="A.",
        original_caption="A.",
        licence=None,
        video=video,
    )
    form = WebDataset()

    assert list(form.problems(form.row(clip, make_sample(video=b"-")), clip)) == [
        "its id has a dot, at which the reader cuts names"
    ]


def test_the_schema_lets_no_dot_into_an_id() -> None:
    with pytest.raises(ValueError, match=r"clip id is '0123456789abcdef\.0', expected 16 to 64 hexadecimal digits"):
        replace(make_sample(video=b"-"), clip_id="0123456789abcdef.0")


def test_croissant_tells_the_columns_of_the_rows_and_the_hash_of_their_file(exported: Callable[..., Exported]) -> None:
    found = exported("webdataset")
    told = json.loads((found.folder / "croissant.json").read_text(encoding="utf-8"))
    content = (found.folder / "clips.jsonl").read_bytes()
    rows = [json.loads(line) for line in content.splitlines()]

    files = {each["@id"]: each for each in told["distribution"]}
    fields = {field["name"]: field["dataType"] for field in told["recordSet"][0]["field"]}

    assert files["clips.jsonl"]["sha256"] == sha256(content).hexdigest()
    assert list(found.folder.glob(files["*.tar"]["includes"])) == list(found.folder.glob("*.tar"))
    assert told["license"] == ["CC-BY-4.0"]
    assert {row["clip_id"]: row["caption"] for row in rows} == {
        sample.clip_id: sample.caption for sample in found.samples.values()
    }
    kinds = {"sc:Text": str, "sc:Integer": int, "sc:Float": float | int}
    for row in rows:
        assert set(row) == set(fields)
        assert all(isinstance(row[name], kinds[kind] | None) for name, kind in fields.items())


@pytest.mark.parametrize(
    ("licences", "told"),
    [
        (["CC BY 4.0"], "cc-by-4.0"),
        (["CC0"], "cc0-1.0"),
        (["CC0", None], "other"),
        (["CC-BY-4.0", "CC0"], "other"),
        (["ask me"], "other"),
        ([], "other"),
    ],
)
def test_the_hub_is_told_a_licence_only_where_all_sources_have_one_that_it_knows(
    licences: list[str | None], told: str
) -> None:
    lines = list(card(data_files="*.tar", tags=[], licences=licences, clips=2000))

    head = yaml.safe_load("\n".join(lines[1 : lines.index("---", 1)]))
    assert (head["license"], head["size_categories"]) == (told, ["1K<n<10K"])
