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
from pipelines.browser.serving import address_of, listening, server
from pipelines.config import parse

PASSWORD: Final = "OPENALCHEMIST_BROWSE_PASSWORD"
_LEAST_LETTERS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Browse:
    """Show a dataset in a browser: its funnel and scores, every clip with its pictures, and why others are missing.

    Nothing is written. It ends with Ctrl-C. Example: python -m pipelines browse --dataset out/dataset

    Attributes:
        dataset: what `curate` or `select` wrote, a directory of this machine.
        port: where to listen; 0 takes a free one.
        host: the address to listen at.
        beyond_loopback: let other machines ask, at a `host` that they reach. They then need the password in the
            environment variable OPENALCHEMIST_BROWSE_PASSWORD, which travels unencrypted: a tunnel (ssh -L) is better.
        names: what other machines may call this one, beside `host` and its own name; any other name is refused.
    """

    dataset: Path
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
        dataset = BrowsedDataset(command.dataset, Path(scratch))
        dataset.now()  # what is no dataset is told here, and not on a page
        browser = Browser(dataset)
        threading.Thread(target=browser.count_ahead, name="count-ahead", daemon=True).start()
        print(f"open {address_of(command.host, listener)}   (Ctrl-C ends it)", flush=True)
        server(browser.app(access)).run(sockets=[listener])
    return 0


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
