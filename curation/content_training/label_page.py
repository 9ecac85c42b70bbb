"""What people look at to label clips: a contact sheet of each clip's 16 frames, and a page that plays and collects.

The page is one static file that needs no server and loads nothing but the sheets beside it. It shows no prediction of
any network, which would lead the eye.
"""

import csv
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

import cv2
import numpy as np

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.labels import COLUMNS
from curation.content_training.real_clips import Seen
from curation.records import Image
from dataset_schema import Source
from storage.places import place_of

_COLUMNS: Final = 4
_TILE_SIDE: Final = 240

# What A.1 says of each class, for whoever labels.
_MEANINGS: Final = {
    "desirable": "an ordinary shot with things that move, or seen by a camera that moves through the scene",
    "still_foreground": "a photograph or drawing, at most moved or enlarged",
    "slight_motion": "a filmed scene in which hardly anything moves",
    "screen_in_screen": "a picture in the picture: a webcam over other footage, a frame with a video inside",
    "screen_recording": "what a computer's screen shows: desktop, browser, slides, terminal",
}


class SheetOfClip(NamedTuple):
    """A clip and its contact sheet: the file's name, and the size of one of the 16 tiles."""

    source: Source
    file: str
    tile_height: int
    tile_width: int


def write_sheet(seen: Seen, folder: Path, number: int) -> SheetOfClip:
    """Write the contact sheet of a clip into `folder`."""
    file = folder / f"{number:05d}.png"
    sheet = contact_sheet(seen)
    _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.tobytes())
    height, width = sheet.shape[:2]
    return SheetOfClip(seen.clip.source, f"{folder.name}/{file.name}", height // _COLUMNS, width // _COLUMNS)


def contact_sheet(seen: Seen) -> Image:
    """The 16 frames, row by row, no longer squeezed."""
    scale = _TILE_SIDE / max(seen.height, seen.width)
    size = (max(1, round(seen.width * scale)), max(1, round(seen.height * scale)))
    tiles = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in seen.frames]
    rows = [np.concatenate(tiles[first : first + _COLUMNS], axis=1) for first in range(0, len(tiles), _COLUMNS)]
    return np.concatenate(rows).astype(np.uint8)


def label_file(sources: Sequence[Source], annotator: str) -> str:
    """A label file whose labels are still to be filled in."""
    return "".join([_csv_line(COLUMNS), *(_csv_line((*_clip_fields(source), "", annotator)) for source in sources)])


def label_page(sheets: Sequence[SheetOfClip], annotator: str) -> str:
    """The page: every clip as a moving picture and as a sheet, five choices, and a button that saves a label file."""
    meanings = "".join(f"<li><b>{name}</b>: {escape(meaning)}</li>" for name, meaning in _MEANINGS.items())
    return Template(_PAGE).substitute(
        meanings=meanings,
        annotator=escape(annotator),
        clips="\n".join(_clip(number, sheet) for number, sheet in enumerate(sheets)),
        head=_csv_line(COLUMNS).strip(),
        count=len(sheets),
    )


def _clip(number: int, sheet: SheetOfClip) -> str:
    fields = escape(_csv_line(_clip_fields(sheet.source)).strip())
    name = escape(" ".join(filter(None, (Path(sheet.source.uri).name, _span(sheet.source)))))
    choices = "".join(
        f'<label><input type="radio" name="clip{number}" value="{label}">{label}</label>' for label in CONTENT_CLASSES
    )
    style = f"--w:{sheet.tile_width}px;--h:{sheet.tile_height}px;--sheet:url({sheet.file})"
    place = place_of(sheet.source.uri)
    link = escape(place.as_uri() if isinstance(place, Path) else str(place))
    return (
        f'<section data-fields="{fields}" style="{style}"><h2>{number + 1}. <a href="{link}">{name}</a></h2>'
        f'<div class="film"></div><img loading="lazy" src="{sheet.file}" alt="16 frames">'
        f"<p>{choices}</p></section>"
    )


def _span(source: Source) -> str:
    if source.start_s is None and source.end_s is None:
        return ""
    return f"[{source.start_s or 0:g} s, {'the end' if source.end_s is None else f'{source.end_s:g} s'})"


def _clip_fields(source: Source) -> tuple[str, str, str]:
    start, end = ("" if seconds is None else repr(seconds) for seconds in (source.start_s, source.end_s))
    return source.uri, start, end


def _csv_line(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(fields)
    return line.getvalue()


# The film plays the sheet: its background jumps from tile to tile, along a row and then down. The browser keeps what
# was chosen, under the page's own address, so that a closed window loses nothing.
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Label clips</title><style>
body { font: 16px/1.5 sans-serif; margin: 0 auto; max-width: 1280px; padding: 1em; background: #efede8; color: #2b2a28 }
section { background: #fff; border: 1px solid #d9d5cc; margin: 1em 0; padding: 1em }
section:has(input:checked) { border-color: #1f7f4c }
h2 { font-size: 1em; margin: 0 0 .5em }
img { height: calc(var(--h) * 2); max-width: 70%; vertical-align: top; object-fit: contain }
.film { display: inline-block; width: var(--w); height: var(--h); margin-right: 1em; background: var(--sheet);
  animation: across .8s steps(4) infinite, down 3.2s steps(4) infinite }
@keyframes across { to { background-position-x: calc(var(--w) * -4) } }
@keyframes down { to { background-position-y: calc(var(--h) * -4) } }
label { margin-right: 1.5em; white-space: nowrap }
header { position: sticky; top: 0; background: #efede8; padding: .5em 0; border-bottom: 1px solid #d9d5cc }
</style></head><body>
<h1>Which of the five is each clip?</h1>
<ul>$meanings</ul>
<p>Leave a clip out if it is none of them, for instance because it has cuts. The moving picture shows 16 frames spread
over the whole clip, also beside it as a sheet; the name leads to the video.</p>
<header>Your name: <input id="annotator" value="$annotator"> <button id="save">Save labels.csv</button>
<span id="done"></span></header>
$clips
<script>
"use strict";
const quoted = text => '"' + text.replaceAll('"', '""') + '"';
const sections = [...document.querySelectorAll("section")];
const choice = section => section.querySelector("input:checked");
const kept = JSON.parse(localStorage.getItem(location.href) || "{}");
const show = () => {
  document.getElementById("done").textContent = sections.filter(choice).length + " of $count labelled";
};
for (const section of sections) {
  const label = kept[section.dataset.fields];
  if (label) section.querySelector('input[value="' + label + '"]').checked = true;
  section.addEventListener("change", () => {
    kept[section.dataset.fields] = choice(section).value;
    localStorage.setItem(location.href, JSON.stringify(kept));
    show();
  });
}
show();
document.getElementById("save").addEventListener("click", () => {
  const annotator = quoted(document.getElementById("annotator").value.trim());
  const rows = sections.map(section =>
    [section.dataset.fields, choice(section) ? choice(section).value : "", annotator].join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["$head\\n" + rows.join("\\n") + "\\n"], {type: "text/csv"}));
  link.download = "labels.csv";
  link.click();
});
</script></body></html>
"""
