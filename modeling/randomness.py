"""Random numbers as functions of what they are for: nothing here, and nothing that uses this, has a hidden state.

Every draw of training and sampling names its purpose and its place (`"rows", seed, bucket, epoch`). So the state of all
randomness is the step number, and a resumed run continues exactly.
"""

from hashlib import blake2b

import numpy as np
import torch

Part = str | int


def numpy_generator(*parts: Part) -> np.random.Generator:
    """A counter-based generator keyed by `parts`; equal parts give equal numbers."""
    return np.random.Generator(np.random.Philox(key=_key(parts, size_bytes=16)))


def torch_generator(*parts: Part) -> torch.Generator:
    """A generator on the CPU keyed by `parts`, so that the numbers do not depend on the device that uses them."""
    return torch.Generator().manual_seed(torch_seed(*parts))


def torch_seed(*parts: Part) -> int:
    """The seed behind `torch_generator`, for code that can only take torch's global one (within `fork_rng`)."""
    return _key(parts, size_bytes=8)


def unit_interval(*parts: Part) -> float:
    """A number of [0, 1) keyed by `parts`: some ten times cheaper than a generator that draws one."""
    return _key(parts, size_bytes=8) / 2**64


def _key(parts: tuple[Part, ...], *, size_bytes: int) -> int:
    digest = blake2b(repr(parts).encode(), digest_size=size_bytes).digest()
    return int.from_bytes(digest, "little")
