"""Colors of pictures and charts; `static/style.css` has the same for pages."""

from typing import Final

from dataset_schema import EntityKind

KIND_COLORS: Final = {
    EntityKind.SUBJECT: "#c8324a",
    EntityKind.OBJECT: "#2464b4",
    EntityKind.BACKGROUND: "#1f7f4c",
}
REJECTED: Final = "#b0492b"
