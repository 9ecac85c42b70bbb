"""The terminal that commands print to: the only place that makes one."""

from typing import Final

from rich.console import Console

# Our choice: below this, tables lose columns. A narrower terminal breaks their lines, and shows everything.
_NARROWEST: Final = 80

_PIPED: Final = 100  # where there is no terminal that has a width


def terminal(*, is_quiet: bool = False, to_stderr: bool = False, width: int | None = None) -> Console:
    """A console that prints names, captions and messages as they are: to it, brackets are no markup.

    Args:
        is_quiet: print nothing.
        to_stderr: not to the standard output.
        width: in characters; None takes the terminal's.
    """
    console = Console(quiet=is_quiet, stderr=to_stderr, width=width, markup=False, emoji=False, highlight=False)
    if width is None:
        console.width = max(_NARROWEST, console.width) if console.is_terminal else _PIPED
    return console
