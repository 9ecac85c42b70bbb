import math

import pytest
import torch

from modeling.model.positions import grid_code, rotary_embedding, rotate

GRID = (2, 3, 4)
TOKENS = 24


def scores(offset: tuple[int, int, int], grid: tuple[int, int, int] = GRID) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, math.prod(grid), 1, 32, generator=generator)
    rotation = rotary_embedding(grid, head_channels=32, offset=offset)
    return rotate(query, rotation)[0, :, 0] @ rotate(key, rotation)[0, :, 0].T


@pytest.mark.parametrize("offset", [(5, 0, 0), (0, 7, 0), (0, 0, 11), (3, 100, 41)])
def test_attention_depends_only_on_differences_of_places(offset: tuple[int, int, int]) -> None:
    torch.testing.assert_close(scores(offset), scores((0, 0, 0)), atol=2e-4, rtol=0)


@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 13, 7), (31, 3, 2), (2, 36, 1)])
def test_that_law_holds_on_grids_of_any_size(grid: tuple[int, int, int]) -> None:
    torch.testing.assert_close(scores((2, 9, 30), grid), scores((0, 0, 0), grid), atol=2e-4, rtol=0)


def test_two_places_are_as_far_apart_on_a_large_grid_as_on_a_small_one() -> None:
    def score(grid: tuple[int, int, int], first: int, second: int) -> torch.Tensor:
        rotation = rotary_embedding(grid, head_channels=32)
        turned = rotate(torch.ones(1, math.prod(grid), 1, 32), rotation)[0, :, 0]
        return turned[first] @ turned[second]

    # From (0, 0, 1) to (1, 2, 3), by the row-major number of the token on either grid.
    small, large = score((2, 3, 4), 1, 23), score((9, 36, 64), 1, 36 * 64 + 2 * 64 + 3)

    torch.testing.assert_close(small, large)


def test_rotation_keeps_the_length_of_every_vector() -> None:
    heads = torch.randn(2, TOKENS, 3, 32, generator=torch.Generator().manual_seed(0))

    turned = rotate(heads, rotary_embedding(GRID, head_channels=32))

    torch.testing.assert_close(turned.norm(dim=-1), heads.norm(dim=-1))


@pytest.mark.parametrize(("axis", "channels"), [(0, slice(0, 16)), (1, slice(16, 24)), (2, slice(24, 32))])
def test_time_turns_half_of_the_channels_height_and_width_a_quarter_each(axis: int, channels: slice) -> None:
    offset = [0, 0, 0]
    offset[axis] = 1
    heads = torch.ones(1, 1, 1, 32)

    turned = rotate(heads, rotary_embedding((1, 1, 1), head_channels=32, offset=(offset[0], offset[1], offset[2])))

    has_turned = ((turned - heads).abs() > 1e-6)[0, 0, 0]
    assert has_turned[channels].all()
    assert has_turned.sum() == channels.stop - channels.start


def test_rotates_a_plane_by_the_angle() -> None:
    right_angle = torch.tensor([[[0.0]], [[1.0]]])  # cosine, sine

    assert rotate(torch.tensor([[[[2.0, 5.0]]]]), right_angle).flatten().tolist() == [-5.0, 2.0]


def test_half_precision_heads_are_rotated_in_float32() -> None:
    heads = torch.randn(1, TOKENS, 3, 32, generator=torch.Generator().manual_seed(0)).bfloat16()
    rotation = rotary_embedding(GRID, head_channels=32, offset=(60, 300, 500))

    turned = rotate(heads, rotation)

    assert torch.equal(turned, rotate(heads.float(), rotation).bfloat16())


def test_every_place_of_a_grid_has_a_code_of_its_own_that_a_larger_grid_shares() -> None:
    small, large = grid_code((2, 3, 4), channels=64), grid_code((5, 3, 4), channels=64)

    assert len(torch.unique(small, dim=0)) == 24
    assert torch.equal(large[:24], small)
