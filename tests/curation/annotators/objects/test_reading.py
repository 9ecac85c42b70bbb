"""How pictures become the network's, and its answer boxes: by hand."""

import numpy as np
import pytest
import torch

from curation.annotators.objects.network import BINS, HeadOutput, NanoDet
from curation.annotators.objects.reading import LoadedNanoDet, candidates, prepare
from curation.stage import ClipError

# A picture of 64 x 32 at scale 1 has 8 x 4, 4 x 2 and 2 x 1 places.
PLACES = 32 + 8 + 2
CERTAIN = 50.0


def silent_head() -> HeadOutput:
    """No place has a score, and every distance is 0 strides."""
    distances = torch.zeros(1, PLACES, 4, BINS)
    distances[..., 0] = CERTAIN
    return HeadOutput(torch.zeros(1, PLACES, 80), distances)


def certain(strides: int) -> torch.Tensor:
    return torch.eye(BINS)[strides] * CERTAIN


def test_a_box_reaches_from_the_middle_of_its_place_by_the_expected_strides() -> None:
    head = silent_head()
    place = 32 + 1 * 4 + 2  # of the middle level: row 1, column 2, so its middle is (40, 24)
    head.scores[0, place, 16] = 0.7
    left = torch.zeros(BINS)  # 0 and 1 strides are equally likely
    left[2:] = -CERTAIN
    head.distances[0, place] = torch.stack([left, certain(1), certain(1), certain(0)])

    found = candidates(head, (32, 64), 1.0, 0.05)

    np.testing.assert_allclose(found.boxes, [[40 - 8, 24 - 16, 40 + 16, 24]], atol=1e-4)
    assert found.scores.shape == (1, 80)
    assert found.scores[0, 16] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("place", "middle"),
    [
        (0, (4, 4)),
        (7, (60, 4)),
        (8, (4, 12)),
        (31, (60, 28)),
        (32, (8, 8)),
        (39, (56, 24)),
        (40, (16, 16)),
        (41, (48, 16)),
    ],
)
def test_places_go_row_by_row_through_the_finest_level_first(place: int, middle: tuple[int, int]) -> None:
    head = silent_head()
    head.scores[0, place, 0] = 0.5
    even = torch.zeros(BINS)
    even[2:] = -CERTAIN
    head.distances[0, place] = even.expand(4, BINS)

    (box,) = candidates(head, (32, 64), 1.0, 0.05).boxes.tolist()

    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx(middle, abs=1e-3)


def test_boxes_are_scaled_back_and_cut_at_the_picture() -> None:
    head = silent_head()
    head.scores[0, 40, 0] = 0.5  # middle (16, 16), one stride of 32 to each side: (-16, -16, 48, 48)
    head.distances[0, 40] = certain(1).expand(4, BINS)

    found = candidates(head, (14, 30), 2.0, 0.05)

    np.testing.assert_allclose(found.boxes, [[0, 0, 24, 14]], atol=1e-4)


def test_what_lies_in_the_black_alone_is_no_candidate() -> None:
    head = silent_head()
    head.scores[0, [3 * 8, 3 * 8 + 1], 0] = 0.5  # the last row of the finest level, middles at 28
    head.distances[0, 3 * 8] = torch.stack([certain(0), certain(0), certain(1), certain(0)])
    head.distances[0, 3 * 8 + 1] = torch.stack([certain(0), certain(2), certain(1), certain(0)])

    found = candidates(head, (20, 64), 1.0, 0.05)

    np.testing.assert_allclose(found.boxes, [[12, 12, 20, 20]], atol=1e-4)


def test_a_place_counts_by_its_best_class() -> None:
    head = silent_head()
    head.distances[..., 0] = 0
    head.scores[0, 3, [5, 7]] = torch.tensor([0.04, 0.05])
    head.scores[0, 4, 5] = 0.049

    found = candidates(head, (32, 64), 1.0, 0.05)

    np.testing.assert_allclose(found.scores[:, [5, 7]], [[0.04, 0.05]])


@pytest.mark.parametrize(
    ("size", "scale", "inside", "whole"),
    [
        ((360, 640), 416 / 640, (234, 416), (256, 416)),
        ((640, 360), 416 / 640, (416, 234), (416, 256)),
        ((37, 100), 4.16, (154, 416), (160, 416)),
        ((416, 416), 1.0, (416, 416), (416, 416)),
        ((1, 2000), 416 / 2000, (1, 416), (32, 416)),
    ],
)
def test_the_long_side_becomes_416_and_what_is_missing_to_a_multiple_of_32_is_black(
    size: tuple[int, int], scale: float, inside: tuple[int, int], whole: tuple[int, int]
) -> None:
    picture = np.full((*size, 3), (250, 120, 10), np.uint8)

    found, pixels = prepare(picture)

    # Blue, green, red: (value - mean) / deviation, by hand.
    color = [(10 - 103.53) / 57.375, (120 - 116.28) / 57.12, (250 - 123.675) / 58.395]
    black = [-103.53 / 57.375, -116.28 / 57.12, -123.675 / 58.395]
    assert found == pytest.approx(scale)
    assert pixels.shape == (1, 3, *whole)
    expected = np.broadcast_to(np.array(black, np.float32), (*whole, 3)).copy()
    expected[: inside[0], : inside[1]] = color
    np.testing.assert_allclose(pixels[0].permute(1, 2, 0), expected, atol=1e-5)


def test_a_network_that_answers_without_numbers_costs_the_clip() -> None:
    network = NanoDet()
    with torch.no_grad():
        network.get_parameter("heads.2.1.bias").fill_(float("nan"))

    with pytest.raises(ClipError, match="NanoDet"):
        LoadedNanoDet(network).detect([np.zeros((64, 64, 3), np.uint8)], 0.05)
