"""The measures of references and backgrounds, on drawn clips."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import references
from benchmarks.references import draw_sequences, leak_figures
from curation.records import Mask


@pytest.mark.slow
def test_leaks_made_on_purpose_are_told_from_clean_backgrounds(tmp_path: Path) -> None:
    found, refused = leak_figures(list(draw_sequences(tmp_path, count=2)))

    assert found.value >= 0.5
    assert refused.value == 0
    assert int(found.of.split()[0]) >= 5
    assert int(refused.of.split()[0]) >= 2


def test_what_is_left_of_a_subject_is_what_no_hole_covers(tmp_path: Path) -> None:
    (sequence,) = draw_sequences(tmp_path, count=1)
    truth = sequence.truths[1]
    rows, _ = np.nonzero(truth)
    upper = truth.copy()
    upper[round(np.median(rows)) :] = False

    def left(mask: Mask | None) -> float:
        return references._left(sequence, [None, mask, None])

    assert left(truth) == 0
    assert left(None) == 1
    assert 0.25 < left(upper) < 0.5
