"""One of several processes that share an answer cache; a module of its own, so that each starts quickly."""

from pathlib import Path

from curation.annotators.language.answer_cache import AnswerCache


def write_answers(path: Path, worker: int) -> int:
    """Begin with a file that may be missing, and answer partly the same captions as the others."""
    cache = AnswerCache(path, model="m", prompt="p")
    cache.create()
    for number in range(30):
        cache.add({f"shared {number}": f"by {worker}", f"own {worker} {number}": "x" * 1000})
        assert len(cache.find([f"shared {number}", f"own {worker} {number}", "missing"])) == 2
    return worker
