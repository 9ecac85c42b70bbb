"""What is read of the held-out clips."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_schema import EntityKind, Sample, read_shard, shard_paths, write_shard
from pipelines.proof.held_out import HeldOut, read_held_out
from storage.configs import to_plain
from tests.pipelines.proof.small_proof import BUCKET, Proof, truths
from worlds.sprites import Way


@pytest.fixture(scope="module")
def held_out(proof: Proof) -> list[HeldOut]:
    folder = proof.output / "held_out"
    return read_held_out(folder / "world" / "manifest.csv", folder / "dataset", BUCKET)


def test_held_out_clips_come_in_the_order_of_the_world_with_what_is_true_of_them(
    proof: Proof, held_out: list[HeldOut]
) -> None:
    expected = truths(proof.output / "held_out")

    assert [clip.number for clip in held_out] == [0, 1, 2, 3]
    for clip, truth in zip(held_out, expected, strict=True):
        assert clip.caption == truth.caption
        assert clip.place == truth.words[-1].word
        assert clip.place in clip.caption
        assert [subject.word for subject in clip.subjects] == [subject.word for subject in truth.subjects]
        plain = [json.loads(json.dumps(to_plain(subject.texture))) for subject in clip.subjects]
        assert plain == [subject.texture for subject in truth.subjects]
        assert clip.video.shape == (9, 48, 96, 3)


def test_ways_are_those_that_the_boxes_go(proof: Proof, held_out: list[HeldOut]) -> None:
    ways = {(1, 0): Way.RIGHT, (-1, 0): Way.LEFT, (0, 1): Way.DOWN, (0, -1): Way.UP}

    for clip, truth in zip(held_out, truths(proof.output / "held_out"), strict=True):
        for subject, told in zip(clip.subjects, truth.subjects, strict=True):
            first, last = told.boxes[0], told.boxes[-1]
            assert first is not None
            assert last is not None
            across, down = last.x0 - first.x0, last.y0 - first.y0
            is_sideways = abs(across) > abs(down)
            step = (int(np.sign(across)), 0) if is_sideways else (0, int(np.sign(down)))
            assert subject.way is ways[step]


def test_the_second_of_a_word_has_a_number(held_out: list[HeldOut]) -> None:
    names = [[subject.name for subject in clip.subjects] for clip in held_out]

    assert [clip.has_one_word for clip in held_out] == [True, False, True, True]
    assert names == [["elephant"], ["fish", "elephant"], ["cat"], ["elephant", "elephant#2"]]


def test_the_surest_picture_comes_first_and_whoever_has_none_is_left_out(proof: Proof, tmp_path: Path) -> None:
    folder = proof.output / "held_out"
    (shard,) = shard_paths(folder / "dataset", Sample)
    samples = {Path(sample.source.uri).stem: sample for sample in read_shard(shard, Sample)}

    def changed(sample: Sample) -> Sample:
        turned = [replace(each, references=tuple(reversed(each.references))) for each in sample.entities]
        if Path(sample.source.uri).stem == "0001":
            turned[0] = replace(turned[0], references=())
        return replace(sample, entities=tuple(turned))

    write_shard(tmp_path / "samples" / "part.parquet", [changed(sample) for sample in samples.values()])

    clips = read_held_out(folder / "world" / "manifest.csv", tmp_path, BUCKET)

    assert [clip.number for clip in clips] == [0, 2, 3]
    for clip in clips:
        entities = sorted(samples[f"{clip.number:04d}"].entities, key=lambda entity: entity.start)
        subjects = [entity for entity in entities if entity.kind is not EntityKind.BACKGROUND]
        for subject, entity in zip(clip.subjects, subjects, strict=True):
            surest = max(entity.references, key=lambda each: (each.detection_score or 0) * (each.mask_score or 0))
            shown = [picture.tobytes() for picture in subject.pictures]
            published = [Image.open(io.BytesIO(each.image.bytes or b"")).tobytes() for each in entity.references]
            assert shown[0] == published[entity.references.index(surest)]
            assert len(shown) > 1
            assert sorted(shown) == sorted(published)


def test_held_out_clips_without_any_picture_are_an_error(proof: Proof, tmp_path: Path) -> None:
    folder = proof.output / "held_out"
    (shard,) = shard_paths(folder / "dataset", Sample)
    bare = [
        replace(sample, entities=tuple(replace(entity, references=()) for entity in sample.entities))
        for sample in read_shard(shard, Sample)
    ]
    write_shard(tmp_path / "samples" / "part.parquet", bare)

    with pytest.raises(ValueError, match="no clip with pictures of all its subjects; draw more held-out clips"):
        read_held_out(folder / "world" / "manifest.csv", tmp_path, BUCKET)
