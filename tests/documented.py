"""What the documents and the docstrings tell people to type: code blocks with their language, and command lines."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "curation/**/*.md", "models/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
PACKAGES: Final = (
    "curation",
    "dataset_schema",
    "exports",
    "modeling",
    "pipelines",
    "storage",
    "video_reading",
    "worlds",
    "examples",
)

_FENCE: Final = re.compile(r"^ *```(?P<language>[^\n`]*)\n(?P<code>.*?)^ *```$", re.DOTALL | re.MULTILINE)
_COMMAND: Final = re.compile(r"python -m (?:pipelines|examples\.\w+) [a-z-]+[^\n`]*(?:\n +--[^\n`]*)*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    code: str

    @property
    def command_lines(self) -> list[list[str]]:
        """Of a block for the shell: its lines as words, without comments."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(str(page), found["language"].strip(), found["code"]) for found in _FENCE.finditer(text)]


def fences(page: Path) -> int:
    """How many lines of a page open or close a block, however they are written."""
    return len(re.findall(r"^ *(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE))


def commands_in_docstrings() -> Iterator[tuple[str, list[str]]]:
    """The file, and the words of a command, for every `python -m ...` of a docstring."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    for command in _COMMAND.findall(ast.get_docstring(node, clean=False) or ""):
                        yield path.relative_to(ROOT).as_posix(), shlex.split(command)
