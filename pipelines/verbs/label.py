"""`label`: the pages on which a person labels clips for the content filter."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.browser.guard import Access
from pipelines.browser.label_folder import LABELS_FILE, LabelFolder
from pipelines.browser.label_pages import LabelPages
from pipelines.browser.serving import address_of, listening, serve
from pipelines.config import parse

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Label clips in a browser, with five keys; what is said is saved at once, as `train-filter` reads it.

    Each person has a file of their own in the folder; where two disagree is shown. Only this machine is answered. It
    ends with Ctrl-C. Example: python -m pipelines label --folder out/labels --annotator anna

    Attributes:
        folder: what `label-clips` wrote.
        annotator: who labels.
        port: where to listen; 0 takes a free one.
    """

    folder: Path
    annotator: str
    port: int = 8101

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}, expected 0 to 65535")


def main(arguments: Sequence[str]) -> int:
    """Serve until somebody stops it."""
    command = parse(Label, arguments, verb="label")
    if not (command.folder / LABELS_FILE).is_file():
        raise FileNotFoundError(f"{command.folder} has no {LABELS_FILE}; `python -m pipelines label-clips` writes one")
    pages = LabelPages(LabelFolder(command.folder, command.annotator))
    with listening(_HOST, command.port) as listener:
        print(f"open {address_of(_HOST, listener)}   (Ctrl-C ends it)", flush=True)
        serve(pages.app(Access(write_token=secrets.token_urlsafe(32))), listener)
    return 0
