"""`browse`: a dataset as pages for a browser, served to this machine."""

import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.browser.app import Browser
from pipelines.browser.guard import Access, is_loopback
from pipelines.browser.opened import BrowsedDataset
from pipelines.browser.serving import address_of, listening, serve
from pipelines.config import parse

PASSWORD: Final = "OPENALCHEMIST_BROWSE_PASSWORD"
_LEAST_LETTERS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Browse:
    """Show a dataset in a browser: its funnel and scores, every clip with its pictures, and why others are missing.

    Nothing is written. It ends with Ctrl-C. Example: python -m pipelines browse --dataset out/dataset

    Attributes:
        dataset: what `curate` or `select` wrote, a directory of this machine.
        compare: another one of the same clips, such as of a run with other settings: pages then show both side by side.
        port: where to listen; 0 takes a free one.
        host: the address to listen at.
        beyond_loopback: let other machines ask, at a `host` that they reach. They then need the password in the
            environment variable OPENALCHEMIST_BROWSE_PASSWORD, which travels unencrypted: a tunnel (ssh -L) is better.
        names: what other machines may call this one, beside `host` and its own name; any other name is refused.
    """

    dataset: Path
    compare: Path | None = None
    port: int = 8100
    host: str = "127.0.0.1"
    beyond_loopback: bool = False
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}, expected 0 to 65535")
        if not self.beyond_loopback and not is_loopback(self.host):
            raise ValueError(
                f"host is {self.host}, which other machines reach; expected 127.0.0.1, or --beyond-loopback and a "
                f"password in {PASSWORD}"
            )


def main(arguments: Sequence[str]) -> int:
    """Serve until somebody stops it."""
    command = parse(Browse, arguments, verb="browse")
    access = access_of(command)
    with (
        tempfile.TemporaryDirectory(prefix="openalchemist-") as scratch,
        listening(command.host, command.port) as listener,
    ):
        browser = browser_of(command.dataset, command.compare, Path(scratch))
        threading.Thread(target=browser.count_ahead, name="count-ahead", daemon=True).start()
        print(f"open {address_of(command.host, listener)}   (Ctrl-C ends it)", flush=True)
        serve(browser.app(access), listener)
    return 0


def browser_of(dataset: Path, compared: Path | None, scratch: Path) -> Browser:
    """The pages over a dataset, or over two.

    Raises:
        OSError: one is no dataset, which is told here and not on a page.
        ValueError: one is damaged, or both are the same.
    """
    if compared is not None and compared.resolve() == dataset.resolve():
        raise ValueError(f"compare is {compared}, the dataset itself; expected another one of the same clips")
    shown = [BrowsedDataset(folder, scratch) for folder in (dataset, compared) if folder is not None]
    for each in shown:
        each.now()
    if compared is None:
        return Browser(shown[0])
    first, second = names_apart(dataset, compared)
    return Browser(shown[0], name=first, second=Browser(shown[1], name=second, base="/second"))


def names_apart(first: Path, second: Path) -> tuple[str, str]:
    """What tells two folders apart: as many of their last names as that takes."""
    parts = first.resolve().parts, second.resolve().parts
    count = next(n for n in range(1, max(map(len, parts)) + 1) if parts[0][-n:] != parts[1][-n:])
    return "/".join(parts[0][-count:]), "/".join(parts[1][-count:])


def access_of(command: Browse) -> Access:
    """Who may ask.

    Raises:
        ValueError: other machines may, and there is no password that nobody guesses.
    """
    if not command.beyond_loopback:
        return Access()
    password = os.environ.get(PASSWORD, "")
    if len(password) < _LEAST_LETTERS:
        raise ValueError(
            f"{PASSWORD} has {len(password)} letters, expected at least {_LEAST_LETTERS} where other machines may ask; "
            f"for instance {secrets.token_urlsafe(16)}"
        )
    names = (*Access().names, command.host, socket.gethostname(), *command.names)
    return Access(names=tuple(name.lower() for name in names), password=password)
