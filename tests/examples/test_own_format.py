"""An output format of one's own, as the example has it, from the golden shard."""

import json
import shutil
import tarfile
from pathlib import Path

from examples.own_format import write_webdataset
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES, GOLDEN_SHARD


def test_every_sample_becomes_files_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "dataset" / "samples").mkdir(parents=True)
    shutil.copy(GOLDEN_SHARD, tmp_path / "dataset" / "samples" / "part-1.parquet")

    write_webdataset(tmp_path / "dataset", tmp_path / "tars")

    with tarfile.open(tmp_path / "tars" / "part-1.tar") as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        content = {name: file.read() for name, file in found.items() if file is not None}
    dog, cat, given = GOLDEN_SAMPLES
    assert {name.split(".", 1)[0] for name in content} == {dog.clip_id, cat.clip_id, given.clip_id}
    assert content[f"{dog.clip_id}.mp4"] == dog.video.bytes
    assert content[f"{dog.clip_id}.txt"].decode() == dog.caption
    assert content[f"{dog.clip_id}.0.0.png"] == dog.entities[0].references[0].image.bytes
    assert [word["word"] for word in json.loads(content[f"{cat.clip_id}.json"])] == ["cat", "A cat"]
