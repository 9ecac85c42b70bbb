"""HTML of what was found: the engine of templates, and pages that are one file, their style and pictures inside."""

import base64
import io
from pathlib import Path
from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL import Image

from dataset_schema import EntityKind

STATIC: Final = Path(__file__).parent / "static"

_QUALITY: Final = 85


def html_templates(*packages: str) -> Environment:
    """The templates; everything that they are given is escaped, and a name that they are not given is an error.

    Args:
        packages: whose templates there are beside those of the views.
    """
    templates = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "pipelines.views")]),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["plain"] = lambda name: str(name).replace("_", " ")
    templates.globals["kinds"] = list(EntityKind)
    return templates


def html_file(template: str, **told: object) -> str:
    """A page that is one file: it asks for nothing beyond itself, and runs nothing."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    return html_templates().get_template(template).render(style=style, **told)


def picture_uri(picture: Image.Image, side: int) -> str:
    """A picture as an address that holds it, no side of it longer than `side` pixels; what is transparent stays so.

    WebP: of a crop with a mask a tenth of a PNG.
    """
    shown = picture.copy()
    shown.thumbnail((side, side))
    file = io.BytesIO()
    shown.save(file, "WEBP", quality=_QUALITY)
    return data_uri(file.getvalue(), "image/webp")


def data_uri(content: bytes, media_type: str) -> str:
    """An address that holds a file."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
