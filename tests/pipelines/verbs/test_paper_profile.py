"""`configs/paper.toml` from end to end: tiny random networks in the published formats, a real language model server."""

import csv
from pathlib import Path

import pytest

from dataset_schema import Sample, read_manifest, read_shard, shard_paths
from pipelines.__main__ import main
from tests.pipelines.verbs.paper_networks import arguments, curate_manifest
from worlds.sprites import SpriteWorldConfig, make_world, read_truth

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*"),
]

WORLD = SpriteWorldConfig(clips=6, frames=37, undesirable_share=0.0, max_subjects=2, occluder_share=0.0)
SMALL = ["--curation.buckets", "17x80x144"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world's clips with the words that are true of them."""
    folder = make_world(tmp_path_factory.mktemp("world"), WORLD).parent
    kinds = ("background", "subject", "object")
    with (folder / "words.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ["video", "caption", *(f"{kind}_words" for kind in kinds)])
        rows.writeheader()
        for path in sorted(folder.glob("truth/*.json")):
            truth = read_truth(path)
            words = {f"{k}_words": "|".join(w.word for w in truth.words if w.kind.value == k) for k in kinds}
            rows.writerow({"video": f"videos/{path.stem}.mp4", "caption": truth.caption, **words})
    return folder / "words.csv"


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_every_stage_runs_and_the_servers_words_are_in_the_shards(
    executor: str, manifest: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    networks = tmp_path_factory.getbasetemp() / "paper_networks"
    output = tmp_path / "dataset"

    status = curate_manifest(networks, manifest, output, ["--executor", executor, *SMALL])

    samples = [sample for path in shard_paths(output, Sample) for sample in read_shard(path, Sample)]
    finished = read_manifest(output)
    assert status == 0
    assert samples
    for sample in samples:
        truth = read_truth(manifest.parent / "truth" / f"{Path(sample.source.uri).stem}.json")
        assert {(e.word, e.kind) for e in sample.entities} == {(word.word, word.kind) for word in truth.words}
        assert any(entity.references for entity in sample.entities)
    assert finished.profile == "paper"
    assert {annotator.job for annotator in finished.annotators} == {
        "entity_words", "shots", "content_filter", "locate", "faces", "likeness", "inpaint", "leak",
    }  # fmt: skip
    assert all(row.entered > 0 and not row.failed for row in finished.funnel)


def test_a_server_that_is_down_is_found_before_anything_runs(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = arguments({}, url="http://127.0.0.1:9/v1", model=tmp_path, cache=tmp_path / "answers")

    status = main(["curate", "--input", str(manifest), "--output", str(tmp_path / "dataset"), *nobody])

    assert status == 2
    assert "stage entity_words cannot reach its server: language model server http://127.0.0.1:9" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "dataset").exists()
