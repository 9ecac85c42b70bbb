"""Videos and captions in, a dataset of clips with bound reference images out (section 3.1, A.1, A.2).

What a script of one's own needs is here: `curation.curate(videos, curation.embedded(), output)`; docs/extending.md
shows a stage and an annotator of one's own. Names are looked up when they are used, so that the decoder's child process
and Ray's workers, which import a part of the package, do not load all of it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.decisions import decide
    from curation.execution.local import LocalExecutor
    from curation.execution.processes import ProcessExecutor
    from curation.execution.ray_executor import RayExecutor
    from curation.profiles import CurationConfig, EmbeddedAnnotators, PaperAnnotators
    from curation.records import Clip
    from curation.rules import About, Bound, Rule
    from curation.scripting import curate, embedded, paper
    from curation.sources import read_sources
    from curation.stage import ClipError, Resources, Stage

_HOMES = {
    "About": "rules",
    "Bound": "rules",
    "Clip": "records",
    "ClipError": "stage",
    "CurationConfig": "profiles",
    "EmbeddedAnnotators": "profiles",
    "LocalExecutor": "execution.local",
    "PaperAnnotators": "profiles",
    "ProcessExecutor": "execution.processes",
    "RayExecutor": "execution.ray_executor",
    "Resources": "stage",
    "Rule": "rules",
    "Stage": "stage",
    "curate": "scripting",
    "decide": "decisions",
    "embedded": "scripting",
    "paper": "scripting",
    "read_sources": "sources",
}

__all__ = [
    "About",
    "Bound",
    "Clip",
    "ClipError",
    "CurationConfig",
    "EmbeddedAnnotators",
    "LocalExecutor",
    "PaperAnnotators",
    "ProcessExecutor",
    "RayExecutor",
    "Resources",
    "Rule",
    "Stage",
    "curate",
    "decide",
    "embedded",
    "paper",
    "read_sources",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"curation.{_HOMES[name]}"), name)
