"""What all pages of this server share: their files and the engine of their templates."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

STATIC: Final = Path(__file__).parent / "static"


def page_templates() -> Environment:
    """The templates; everything that they are given is escaped, and a name that they are not given is an error."""
    templates = Environment(
        loader=PackageLoader("pipelines.browser"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["plain"] = lambda name: str(name).replace("_", " ")
    return templates
