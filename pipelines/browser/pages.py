"""What all pages of this server share: their files and the engine of their templates."""

from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment
from starlette.staticfiles import StaticFiles

from pipelines.browser.clip_query import ClipQuery
from pipelines.views.html import html_templates

_STATIC: Final = Path(__file__).parent / "static"


def static_files() -> StaticFiles:
    """Scripts and the icon of this server, and the style that it shares with pages that are files."""
    return StaticFiles(directory=_STATIC, packages=[("pipelines.views", "static")])


def page_templates(base: str = "") -> Environment:
    """The templates of this server and of the views.

    Args:
        base: what the addresses of these pages begin with.
    """
    templates = html_templates("pipelines.browser")
    templates.filters["duration"] = _duration
    templates.globals["address"] = partial(_address, base)
    return templates


def _duration(seconds: float) -> str:
    """In the two largest units that it has."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def _address(base: str, path: str, query: ClipQuery | None = None, **more: object) -> str:
    """An address of these pages, which shows the same to whoever opens it."""
    pairs = [*(query.address() if query is not None else ()), *((name, str(value)) for name, value in more.items())]
    return base + path + (f"?{urlencode(pairs)}" if pairs else "")
