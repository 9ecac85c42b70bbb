"""The example of an annotator of one's own, on a clip in which two things move and one is red."""

from pathlib import Path

import numpy as np

import curation
from curation.profiles import CurationConfig
from curation.stages.content_filter import ContentFilterConfig
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from dataset_schema import EntityKind, Sample, read_manifest, read_shard, shard_paths
from examples.own_annotator import RedThings
from tests.curation.moving_scenes import Sprite, scene
from worlds.sprites import write_video

CAPTION = "A red cat runs past a dog on the grass."
CONFIG = CurationConfig(buckets=("17x144x256",), content_filter=ContentFilterConfig(min_desirable=0))


def test_a_locator_of_ones_own_finds_the_word_that_it_reads_among_several(tmp_path: Path) -> None:
    at = scene(
        [
            Sprite((50, 36), (200, 40, 40), lambda t: (90 + 60 * t, 80)),
            Sprite((40, 30), (60, 70, 160), lambda t: (350 - 60 * t, 190)),
        ]
    )
    videos = tmp_path / "videos"
    videos.mkdir()
    write_video(videos / "cat.mp4", np.stack([at(index / 24)[0] for index in range(48)]), 24)
    (videos / "cat.txt").write_text(CAPTION)

    own = EntityMasks(EntityMasksConfig(), RedThings())
    stages = [own if stage.name == own.name else stage for stage in curation.embedded(CONFIG)]

    result = curation.curate(videos, stages, tmp_path / "dataset")

    assert result.counts.kept == 1
    (shard,) = shard_paths(tmp_path / "dataset", Sample)
    (sample,) = read_shard(shard, Sample)
    found = {entity.word: entity.references for entity in sample.entities if entity.kind is EntityKind.SUBJECT}
    assert set(found) == {"red cat", "dog"}
    assert not found["dog"]
    area = np.pi * 50 * 36 / (252 * 448)
    assert len(found["red cat"]) == 3
    for reference in found["red cat"]:
        assert reference.area is not None
        assert 0.9 * area <= reference.area <= 1.1 * area
    assert "red-things" in {annotator.name for annotator in read_manifest(tmp_path / "dataset").annotators}
