"""Charts for pages and papers: one look, and files as PNG and SVG."""

import io
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipelines.views.html import data_uri

_LOOK: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#a39e94",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.color": "#e2ded6",
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "svg.hashsalt": "openalchemist",  # the same chart is the same file
}


def new_charts(rows: int, columns: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches, which nobody has to close, with empty charts row by row."""
    with rc_context(_LOOK):
        figure = Figure(figsize=(width, height), dpi=160, layout="constrained")
        FigureCanvasAgg(figure)
        return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def chart_uri(figure: Figure) -> str:
    """A figure as an address that holds it, as SVG, for a page."""
    file = io.BytesIO()
    with rc_context(_LOOK):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return data_uri(file.getvalue(), "image/svg+xml")


def save_chart(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix says as what, `.png` or `.svg`."""
    with rc_context(_LOOK):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
