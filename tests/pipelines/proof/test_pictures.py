import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Annotation
from PIL import Image
from scipy.stats import binomtest

from modeling.data.video import Video
from pipelines.proof.curves import curves_chart
from pipelines.proof.example_sheet import Example, examples_sheet
from pipelines.proof.learning import read_learning, smoothed
from pipelines.proof.scores import Condition, Figure, mean, share
from pipelines.proof.table import console_table, markdown_table
from pipelines.terminal import terminal
from pipelines.views.charts import save_chart

Color = tuple[int, int, int]

ORDER = (Condition.WITHOUT, Condition.WITH, Condition.SWAPPED, Condition.REAL)


def rows_of(figure: Drawing) -> list[tuple[str, list[Axes]]]:
    """The prompt of each example, and its cells from left to right."""
    return [(row.get_suptitle(), row.axes) for row in figure.subfigs]


def picture_in(axes: Axes) -> npt.NDArray[np.uint8]:
    (image,) = axes.images
    return np.asarray(image.get_array())


def shade(row: int, condition: Condition, frame: int) -> Color:
    return (40 + 60 * row, 20 + 50 * ORDER.index(condition), 15 + 25 * frame)


def video(row: int, condition: Condition) -> Video:
    return np.stack([np.full((48, 96, 3), shade(row, condition, frame), np.uint8) for frame in range(9)])


def example(row: int, words: Sequence[str], conditions: Sequence[Condition] = ORDER) -> Example:
    pictures = (Image.new("RGBA", (30, 40), (250 - row, 7, 100 * place, 255)) for place in range(len(words)))
    videos = {condition: video(row, condition) for condition in conditions}
    return Example(prompt=f"prompt {row}", references=tuple(zip(words, pictures, strict=True)), videos=videos)


def test_cells_show_first_middle_and_last_frame_of_every_condition_in_order() -> None:
    sheet = examples_sheet([example(0, ["cat", "fish"]), example(1, ["cat", "cat"])])

    for row, (prompt, cells) in enumerate(rows_of(sheet)):
        assert prompt == f"prompt {row}"
        assert [axes.get_xlabel() for axes in cells[1:]] == [
            *("no references", "with references", "swapped pictures", "ground truth")
        ]
        for condition, axes in zip(ORDER, cells[1:], strict=True):
            picture = picture_in(axes)
            shown = [tuple(map(int, picture[24, x])) for x in (48, 145, 242)]
            assert shown == [shade(row, condition, frame) for frame in (0, 4, 8)]


def test_references_stand_left_of_the_videos_with_their_words() -> None:
    ((_, (references, *_)),) = rows_of(examples_sheet([example(0, ["cat", "fish"])]))

    assert references.get_xlabel() == "cat, fish"
    picture = picture_in(references)
    for place in (0, 1):
        rows, columns = np.nonzero((picture == (250, 7, 100 * place)).all(axis=-1))
        assert columns.mean() == pytest.approx((place + 0.5) * picture.shape[1] / 2, abs=1)
        assert np.ptp(columns) / np.ptp(rows) == pytest.approx(30 / 40, rel=0.05)


@pytest.mark.parametrize(("words", "note"), [(["cat"], "one subject"), (["cat", "fish"], "not sampled")])
def test_a_condition_without_video_says_why(words: list[str], note: str) -> None:
    conditions = (Condition.WITHOUT, Condition.WITH, Condition.REAL)

    ((_, cells),) = rows_of(examples_sheet([example(0, words, conditions)]))

    assert [[text.get_text() for text in axes.texts] for axes in cells] == [[], [], [], [note], []]
    assert not cells[3].images


def test_a_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="sample at least one"):
        examples_sheet([])


def write_log(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    plain = {"training_phase": "I", "loss": 0.5, "reference_losses": None}
    path.write_text("".join(json.dumps(plain | dict(line)) + "\n" for line in lines))
    return path


@pytest.fixture
def two_runs(tmp_path: Path) -> list[tuple[str, Path]]:
    """100 steps without references, then 100 with gains of .2 at t = .3 and of .5 at t = .6 from the first on."""
    losses = {"0.3": [0.5, 0.4], "0.6": [0.8, 0.4]}
    text = [{"step": step, "loss": 7.0} for step in range(1, 101)]
    personalized = [
        {"step": step, "training_phase": "II-a" if step <= 50 else "II-b", "loss": 7.0, "reference_losses": losses}
        for step in range(1, 101)
    ]
    return [
        ("text", write_log(tmp_path / "text.jsonl", text)),
        ("personalized", write_log(tmp_path / "personalized.jsonl", personalized)),
    ]


def lines_of(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """The lines of a chart by their names in its legend, or by their colors."""
    return {
        str(line.get_label() if not str(line.get_label()).startswith("_") else line.get_color()): list(
            zip(np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float), strict=True)
        )
        for line in axes.get_lines()
    }


def test_curves_have_the_values_that_were_logged_at_steps_that_are_counted_on(two_runs: list[tuple[str, Path]]) -> None:
    loss, below = curves_chart(two_runs).axes

    gains = lines_of(below)
    for name, gain in (("t = 0.3", 0.2), ("t = 0.6", 0.5)):
        assert np.array(gains[name]) == pytest.approx(np.array([(step, gain) for step in range(101, 201)]))
    assert loss.get_yscale() == "log"
    assert {value for curve in lines_of(loss).values() for _, value in curve if value > 1} == {7.0}
    assert loss.get_xlim() == below.get_xlim() == (0, 200)


def test_training_phases_are_named_where_they_begin(two_runs: list[tuple[str, Path]]) -> None:
    loss, _ = curves_chart(two_runs).axes

    found = {text.get_text(): text.xy[0] for text in loss.texts if isinstance(text, Annotation)}
    assert found == {"text: I": 0, "personalized: II-a": 100, "personalized: II-b": 150}


def test_the_file_is_a_picture_and_the_same_each_time(two_runs: list[tuple[str, Path]], tmp_path: Path) -> None:
    for name in ("a.png", "a.svg", "b.svg"):
        save_chart(curves_chart(two_runs), tmp_path / name)

    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1440, 960)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ">personalized: II-b<" in (tmp_path / "a.svg").read_text()


def test_what_was_not_a_number_is_left_out(tmp_path: Path) -> None:
    path = write_log(
        tmp_path / "log.jsonl",
        [
            {"step": 10, "loss": None, "reference_losses": {"0.9": [None, 0.2], "0.6": [0.4, 0.4], "0.3": [0.4, 0.5]}},
            {"step": 20, "loss": 0.3},
        ],
    )

    learning = read_learning([("first", path), ("second", path)])

    assert learning.losses == ([(20, 0.3)], [(40, 0.3)])
    assert list(learning.gains) == ["0.3", "0.6"]
    assert [step for step, _ in learning.gains["0.3"]] == [10, 30]
    assert [gain for _, gain in learning.gains["0.3"]] == pytest.approx([-0.25, -0.25])
    assert learning.steps == 40
    assert learning.beginnings == ((0, "first: I"), (20, "second: I"))


@pytest.mark.parametrize("loss", [None, 0.5])
def test_a_run_without_gains_is_drawn(tmp_path: Path, loss: float | None) -> None:
    _, gain = curves_chart([("run", write_log(tmp_path / "log.jsonl", [{"step": 1, "loss": loss}]))]).axes

    assert [text.get_text() for text in gain.texts] == ["not measured"]


def test_a_run_that_reported_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()

    with pytest.raises(ValueError, match=r"metrics\.jsonl has no lines"):
        curves_chart([("run", tmp_path / "metrics.jsonl")])


def test_one_outlier_does_not_show_in_the_running_median() -> None:
    curve = [(step, 100.0 if step == 30 else 2.0 if step < 50 else 1.0) for step in range(100)]

    found = dict(smoothed(curve))

    assert list(found) == list(range(100))
    assert found[30] == 2.0
    assert (found[40], found[60]) == (2.0, 1.0)


def figure(name: str, value: float, low: float, high: float, **more: Any) -> Figure:
    settings: dict[str, Any] = {"clips": "two subjects", "condition": Condition.WITH, "count": 240} | more
    return Figure(name=name, value=value, low=low, high=high, **settings)


FIGURES = [
    figure("retrieval", 0.8125, 0.758, 0.8514, goal=0.8),
    figure("copy index", -0.004, -0.03, 0.019),
    figure("retrieval", 1.0, 0.985, 1.0, condition=Condition.REAL, clips="one subject", count=120),
    figure("retrieval", 0.05, 0.02, 0.09, condition=Condition.WITHOUT),
    figure("look follows word", 0.7, 0.64, 0.75, condition=Condition.SWAPPED, goal=0.85),
    figure("look follows word", math.nan, math.nan, math.nan, clips="two of one word", count=0, goal=0.85),
    figure("copy index", 0.5, math.nan, math.nan, clips="one subject", count=1),
]


def test_a_page_gets_values_with_intervals_and_goals_by_name() -> None:
    assert markdown_table(FIGURES).splitlines() == [
        "| figure | clips | n | without references | with references | swapped pictures | real clips | goal |",
        "| --- | --- | ---: | --- | --- | --- | --- | --- |",
        "| retrieval | two subjects | 240 | .05 (.02 to .09) | **.81** (.76 to .85) |  |  | .80 met |",
        "| retrieval | one subject | 120 |  |  |  | 1.00 (.98 to 1.00) |  |",
        "| copy index | two subjects | 240 |  | .00 (-.03 to .02) |  |  |  |",
        "| copy index | one subject | 1 |  | .50 |  |  |  |",
        "| look follows word | two subjects | 240 |  |  | **.70** (.64 to .75) |  | .85 missed |",
        "| look follows word | two of one word | 0 |  | **-** |  |  | .85 missed |",
    ]


def test_a_terminal_of_80_columns_gets_the_same_in_two_lines_each() -> None:
    console = terminal(width=80)
    with console.capture() as capture:
        console.print(console_table(FIGURES))

    shown = [line.rstrip() for line in capture.get().splitlines() if line.strip()]
    assert shown[:2] == [
        " figure              without    with        swapped    real",
        " clips (n)           references references  pictures   clips       goal",
    ]
    assert shown[3:] == [
        " retrieval           .05        .81                                .80",
        " two subjects (240)  .02 to .09 .76 to .85                         met",
        " retrieval                                             1.00",
        " one subject (120)                                     .98 to 1.00",
        " copy index                     .00",
        " two subjects (240)             -.03 to .02",
        " copy index                     .50",
        " one subject (1)",
        " look follows word                          .70                    .85",
        " two subjects (240)                         .64 to .75             missed",
        " look follows word              -                                  .85",
        " two of one word (0)                                               missed",
    ]


@pytest.mark.parametrize(("right", "count"), [(8, 10), (0, 10), (10, 10), (191, 240)])
def test_shares_have_the_interval_of_wilson(right: int, count: int) -> None:
    found = share([place < right for place in range(count)])

    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert found == pytest.approx((right / count, expected.low, expected.high), abs=1e-4)


def test_the_interval_of_8_in_10_is_the_one_worked_by_hand() -> None:
    # z^2 = 3.8416: middle (.8 + .19208) / 1.38416, half 1.96 sqrt(.016 + .009604) / 1.38416.
    assert share([True] * 8 + [False] * 2) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)


def test_means_have_the_interval_worked_by_hand() -> None:
    # Variance 2.5, so a standard error of sqrt(.5).
    assert mean([1, 2, 3, 4, 5]) == pytest.approx((3, 3 - 1.96 * 0.70711, 3 + 1.96 * 0.70711), abs=1e-4)


@pytest.mark.parametrize("measure", [share, mean])
def test_of_no_answers_nothing_is_known(measure: Callable[[Sequence[Any]], tuple[float, ...]]) -> None:
    assert all(map(math.isnan, measure([])))
