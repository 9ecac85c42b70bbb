import time

import pytest

from pipelines.progress import progress


def test_what_earlier_runs_did_counts_as_done_and_not_as_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 1.0, 20.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))

    with progress("curate", total=1000, unit="clip") as report:
        report(900, by_earlier_runs=True)
        report(910)

    assert capsys.readouterr().err.strip() == "curate: 910/1000 clips, 0.50 clip/s, ETA 180 s"
