import numpy as np
import torch

from modeling.randomness import numpy_generator, torch_generator


def test_draws_follow_from_their_key_alone() -> None:
    first = numpy_generator("rows", 0, 3).random(4)
    np.random.default_rng(1).random(10)
    torch.manual_seed(5)

    assert np.array_equal(numpy_generator("rows", 0, 3).random(4), first)
    assert torch.equal(
        torch.randn(3, generator=torch_generator("noise", 2)), torch.randn(3, generator=torch_generator("noise", 2))
    )


def test_every_part_of_the_key_matters() -> None:
    keys: list[tuple[str | int, ...]] = [
        ("rows", 0, 12),
        ("rows", 1, 12),
        ("rows", 0, 1, 2),
        ("rows", "0", 12),
        ("columns", 0, 12),
    ]

    draws = {numpy_generator(*key).random() for key in keys} | {
        float(torch.rand(1, generator=torch_generator(*key))) for key in keys
    }

    assert len(draws) == 2 * len(keys)
