import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from curation.records import Clip
from curation.stages.decode import Decode, DecodeConfig
from curation.video.content_hash import content_sha256
from curation.video.decoding import decode
from curation.video.perceptual_hash import looks_alike, perceptual_hash
from curation.video.requests import ContentHash, Decoded
from tests.curation.made_videos import clip_of, decode_request, write_barcodes


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_barcodes(tmp_path_factory.mktemp("videos") / "a.mp4", 48)


@pytest.fixture(scope="module")
def stage() -> Iterator[Decode]:
    stage = Decode(DecodeConfig(perceptual_hash=True))
    yield stage
    stage.close()


def hashed(path: Path, how: ContentHash = ContentHash.AT_HAND, **more: float) -> Decoded:
    return decode(replace(decode_request(path, **more), content_hash=how))


def test_the_hash_is_that_of_the_whole_file_also_of_a_span_and_of_what_is_too_long(video: Path) -> None:
    expected = sha256(video.read_bytes()).hexdigest()

    assert hashed(video).content_sha256 == expected
    assert hashed(video, start_s=0.5, end_s=1.0).content_sha256 == expected
    assert hashed(video, max_duration_s=0.5).content_sha256 == expected
    assert hashed(video, ContentHash.NEVER).content_sha256 is None


def test_the_stage_gives_the_source_its_hashes(stage: Decode, video: Path) -> None:
    clip: Clip
    (clip,) = stage.score([clip_of(video)])

    assert clip.source.content_sha256 == sha256(video.read_bytes()).hexdigest()
    assert clip.frames is not None
    assert clip.source.perceptual_hash == perceptual_hash(clip.frames.thumbnails)


def test_a_file_that_changed_under_its_name_is_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    found = set()
    for number, content in enumerate((b"one", b"two", b"three")):
        path.write_bytes(content)
        os.utime(path, ns=(number, number))
        found.add(content_sha256(path))

    assert found == {sha256(content).hexdigest() for content in (b"one", b"two", b"three")}


def moving(seed: int, size: tuple[int, int] = (27, 48)) -> np.ndarray:
    """Thirty frames of soft blobs that move."""
    generator = np.random.default_rng(seed)
    field = cv2.GaussianBlur(generator.random((60, 160, 3)).astype(np.float32), (0, 0), 6)
    field = (field - field.min()) / (field.max() - field.min()) * 255
    frames = [field[number : number + 27, 2 * number : 2 * number + 48] for number in range(30)]
    return np.stack([cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA) for frame in frames]).astype(np.uint8)


def test_what_is_encoded_or_toned_anew_looks_alike_and_other_videos_do_not() -> None:
    generator = np.random.default_rng(0)
    videos = [moving(seed) for seed in range(20)]
    noisy = [
        np.clip(0.8 * video + 20 + generator.normal(0, 3, video.shape), 0, 255).astype(np.uint8) for video in videos
    ]
    hashes = [perceptual_hash(video) for video in videos]

    for video, one, other in zip(videos, hashes, noisy, strict=True):
        assert looks_alike(one, perceptual_hash(other))
        assert not looks_alike(one, perceptual_hash(video[:, :, ::-1]))  # mirrored, as is said
    pairs = [(a, b) for a in range(20) for b in range(a)]
    assert not any(looks_alike(hashes[a], hashes[b]) for a, b in pairs)


def test_the_hash_of_a_picture_is_which_of_two_neighbours_is_brighter() -> None:
    rising = np.broadcast_to(np.arange(9, dtype=np.uint8)[None, :, None] * 20, (8, 9, 3))
    video = np.stack([rising, rising[:, ::-1], rising])

    assert perceptual_hash(np.ascontiguousarray(video)) == "ff" * 8 + "00" * 8 + "ff" * 8
