"""`plots` writes pictures of what the dataset holds."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import StepPatch
from PIL import Image

from dataset_schema import EntityKind, FunnelRow
from pipelines.__main__ import main
from pipelines.browser.overview import Histogram
from pipelines.browser.plots import funnel_chart, histograms_chart, word_cloud
from tests.pipelines.browser.conftest import small_dataset as small_dataset
from tests.pipelines.shown_page import ShownPage

SVG = "{http://www.w3.org/2000/svg}"


def test_pictures_of_everything_that_is_there_are_written_and_named(
    small_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plots", "--dataset", str(small_dataset), "--output", str(tmp_path / "plots")]) == 0

    said = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert sorted(said) == sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert {"funnel.svg", "scores.png", "words_subject.svg", "kept.html", "rejected.html"} <= set(said)
    for path in (tmp_path / "plots").iterdir():
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag == f"{SVG}svg"
        elif path.suffix == ".html":
            page = ShownPage(path.read_text())
            page.expect_to_be_one_file()
            assert page.of_tag("img")
        else:
            with Image.open(path) as picture:
                assert np.asarray(picture.convert("L")).std() > 1, path


def test_bars_of_the_funnel_are_as_long_as_their_counts() -> None:
    rows = [
        FunnelRow(stage="read", entered=10, passed=10),
        FunnelRow(stage="decode", entered=10, passed=6, rejected={"too_short": 3}, failed={"VideoError": 1}),
    ]

    (axes,) = funnel_chart(rows).axes

    bars = [[(bar.get_x(), bar.get_width()) for bar in each] for each in axes.containers]
    assert bars == [[(0, 10), (0, 6)], [(10, 0), (6, 3)], [(10, 0), (9, 1)]]
    assert [text.get_text() for text in axes.texts] == ["10", "6"]


def test_a_histogram_has_its_counts_between_its_ends() -> None:
    histogram = Histogram(name="desirable", low=0.0, high=2.0, counts=(3, 0, 1, 4), rules=())

    (axes,) = histograms_chart([histogram]).axes

    (stairs,) = axes.patches
    assert isinstance(stairs, StepPatch)
    values, edges, _ = stairs.get_data()
    assert values.tolist() == [3, 0, 1, 4]
    assert edges.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_more_frequent_words_are_larger_and_the_cloud_is_the_same_each_time() -> None:
    words = [("dog", 90), ("cat", 30), ("fish", 3)]

    clouds = [word_cloud(EntityKind.SUBJECT, words) for _ in range(2)]

    sizes = {entry[0][0]: entry[1] for entry in clouds[0].layout_}
    assert sizes["dog"] > sizes["cat"] > sizes["fish"]
    assert clouds[0].to_svg() == clouds[1].to_svg()
