"""Which clips are held out: a matter of their videos' names alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_schema import Bucket, Sample, Source, write_shard
from modeling.data.held_out import Division, divide
from modeling.data.store import SampleStore
from modeling.randomness import unit_interval

SMALL, LONG = Bucket(5, 32, 48), Bucket(9, 32, 48)

MakeSample = Callable[..., Sample]


def ids(store: SampleStore | None) -> set[str]:
    """The clips of a store in any of its buckets."""
    assert store is not None
    return {clip for bucket in store.clips_per_bucket() for clip in store.clip_ids(bucket).to_pylist()}


def written(folder: Path, shards: Sequence[Sequence[Sample]]) -> SampleStore:
    for number, samples in enumerate(shards):
        write_shard(folder / "samples" / f"part-{number:05d}.parquet", samples)
    return SampleStore(folder, (SMALL, LONG))


def of_video(sample: Sample, uri: str) -> Sample:
    return replace(sample, source=Source(id=sample.clip_id, uri=uri))


def test_a_clip_stays_held_out_whatever_else_the_dataset_holds_and_however_it_lies(
    make_sample: MakeSample, tmp_path: Path
) -> None:
    samples = [make_sample(number, SMALL, tmp_path) for number in range(16)]

    before = divide(written(tmp_path / "before", [samples[:10]]), share=0.4, seed=3)
    after = divide(written(tmp_path / "after", [samples[10:], samples[5:10], samples[:5]]), share=0.4, seed=3)
    other = divide(written(tmp_path / "other", [samples[:10]]), share=0.4, seed=4)

    old = {sample.clip_id for sample in samples[:10]}
    assert ids(before.held_out)
    assert ids(before.held_out) | ids(before.trained_on) == old
    assert not ids(before.held_out) & ids(before.trained_on)
    assert ids(after.held_out) & old == ids(before.held_out)
    assert ids(other.held_out) != ids(before.held_out)


def test_all_clips_of_a_video_are_held_out_together_in_every_bucket(make_sample: MakeSample, tmp_path: Path) -> None:
    videos = {number: f"videos/{number % 5}.mp4" for number in range(15)}
    samples = {
        number: of_video(make_sample(number, LONG if number < 5 else SMALL, tmp_path), uri)
        for number, uri in videos.items()
    }

    found = divide(written(tmp_path / "data", [list(samples.values())]), share=0.5, seed=1)

    numbers = {sample.clip_id: number for number, sample in samples.items()}
    parts = [{videos[numbers[clip]] for clip in ids(store)} for store in found]
    assert parts[0] | parts[1] == set(videos.values())
    assert not parts[0] & parts[1]
    assert found.held_out is not None
    assert len(found.held_out) == 3 * len(parts[1])
    assert len(found.trained_on) == 3 * len(parts[0])
    assert set(found.held_out.clips_per_bucket()) == {SMALL, LONG}


def test_a_part_of_a_dataset_reads_its_own_clips_and_their_backgrounds_alone(
    make_sample: MakeSample, tmp_path: Path
) -> None:
    samples = {sample.clip_id: sample for sample in (make_sample(number, SMALL, tmp_path) for number in range(8))}

    division = divide(written(tmp_path / "data", [list(samples.values())]), share=0.5, seed=0)

    for store in division:
        assert store is not None
        read = {store.read(SMALL, row) for row in range(store.clips_per_bucket()[SMALL])}
        assert {(sample.clip_id, sample.caption) for sample in read} == {
            (clip, samples[clip].caption) for clip in ids(store)
        }
        assert {clip.clip_id for clip in store.captions()} == ids(store)
        assert {clip.clip_id for clip in store.clips_with_background()} == ids(store)


@pytest.mark.parametrize(("share", "said"), [(1e-6, "none of the 6 clips"), (1.0, "all 6 clips")])
def test_a_dataset_too_small_for_a_share_is_refused(
    make_sample: MakeSample, tmp_path: Path, share: float, said: str
) -> None:
    samples = [of_video(make_sample(number, SMALL, tmp_path), f"{number % 2}.mp4") for number in range(6)]
    store = written(tmp_path / "data", [samples])

    with pytest.raises(ValueError, match=rf"holds out {said} of dataset .*, which come from 2 videos, .* or 0 to hold"):
        divide(store, share=share, seed=0)
    assert divide(store, share=0.0, seed=0) == Division(store, None)


def test_about_a_share_of_many_videos_is_held_out() -> None:
    drawn = [unit_interval("held out", 0, f"videos/{number}.mp4") for number in range(10_000)]

    assert 900 < sum(number < 0.1 for number in drawn) < 1_100  # the deviation of 10,000 coins is 30
    assert 4_850 < sum(number < 0.5 for number in drawn) < 5_150
    assert all(0 <= number < 1 for number in drawn)
