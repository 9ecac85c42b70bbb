"""How well entity words are extracted; how fast, `benchmarks.captions` measures.

    python -m benchmarks.entity_words TRUTH [TRUTH ...] [--mistakes]

TRUTH is a CSV with the columns `caption`, `subject_words`, `object_words`, `background_words` (words joined by `|`), a
CSV with `caption`, `entity_words` and `roles` (one role per word), or a JSON list of records with `caption` and
`all_entity_words_annotated`.

Exact: the same characters. Head: overlapping words with the same last token, so that "dog" is right for "brown dog".
Wrong kind: of the words found at a place that the truth has too, those it puts into another kind.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from curation.annotators.lexicon import LexiconEntityWords
from curation.annotators.protocols import EntityWordExtractor
from curation.entity_words import check_answer

KINDS: Final = ("subject", "object", "background")

Words = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Score:
    """Counts over many captions."""

    exact: Counter[str] = field(default_factory=Counter)
    head: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    at_known_place: int = 0
    wrong_kind: int = 0

    def add(self, expected: Words, found: Words, kinds: Iterable[str]) -> None:
        """Count one caption."""
        for kind in kinds:
            self.found[kind] += len(found[kind])
            self.expected[kind] += len(expected[kind])
            self.exact[kind] += matches(expected[kind], found[kind], lambda a, b: a == b)
            self.head[kind] += matches(expected[kind], found[kind], same_head)
        for kind in KINDS:
            for word in found[kind]:
                truths = [k for k in KINDS if any(same_head(word, other) for other in expected[k])]
                self.at_known_place += bool(truths)
                self.wrong_kind += bool(truths) and kind not in truths


def matches(expected: Sequence[str], found: Sequence[str], same: Callable[[str, str], bool]) -> int:
    """How many expected words find a partner, one to one."""
    rest = list(found)
    count = 0
    for word in expected:
        partner = next((other for other in rest if same(word, other)), None)
        if partner is not None:
            rest.remove(partner)
            count += 1
    return count


def same_head(first: str, second: str) -> bool:
    """Whether two words end alike and one holds the other."""
    shorter, longer = sorted((first.lower(), second.lower()), key=len)
    return longer == shorter or longer.endswith(f" {shorter}")


def read_truth(path: Path) -> tuple[list[tuple[str, Words]], tuple[str, ...]]:
    """Captions with their words, and the kinds that the file is complete in."""
    if path.suffix == ".json":
        records = json.loads(path.read_text(encoding="utf-8"))
        return [(record["caption"], record["all_entity_words_annotated"]) for record in records], KINDS
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if "subject_words" in rows[0]:
        return [
            (row["caption"], {kind: [w for w in row[f"{kind}_words"].split("|") if w] for kind in KINDS})
            for row in rows
        ], KINDS
    return [(row["caption"], words_by_role(row)) for row in rows], ("subject",)


def words_by_role(row: Mapping[str, str]) -> Words:
    """The distinct words of a row whose instances are listed one by one."""
    pairs = dict.fromkeys(zip(row["entity_words"].split("|"), row["roles"].split("|"), strict=True))
    return {kind: [word for word, role in pairs if role == kind] for kind in KINDS}


def measure(path: Path, extractor: EntityWordExtractor, *, show_mistakes: bool) -> None:
    """Print the table of one truth file."""
    captions, kinds = read_truth(path)
    score = Score()
    rules: Counter[str] = Counter()
    for (caption, expected), answer in zip(captions, extractor.extract([c for c, _ in captions]), strict=True):
        checked = check_answer(caption, answer)
        found = {kind: [word.word for word in checked.words if word.kind == kind] for kind in KINDS}
        score.add(expected, found, kinds)
        rules.update(violation.rule.value for violation in checked.violations)
        if show_mistakes and any(sorted(expected[kind]) != sorted(found[kind]) for kind in kinds):
            print(f"{caption}\n  expected {dict(expected)}\n  found    {found}")
    print(f"\n{path} ({len(captions)} captions)")
    print(f"{'':12}{'expected':>9}{'found':>7}{'exact P':>9}{'R':>7}{'F1':>7}{'head P':>9}{'R':>7}{'F1':>7}")
    for kind in kinds:
        print(
            f"{kind:12}{score.expected[kind]:9}{score.found[kind]:7}{prf(score, score.exact, kind)}"
            f"{prf(score, score.head, kind)}"
        )
    print(f"wrong kind: {score.wrong_kind} of {score.at_known_place}; broken rules: {dict(rules)}")


def prf(score: Score, hits: Counter[str], kind: str) -> str:
    """Precision, recall and F1 as table cells."""
    precision = hits[kind] / score.found[kind] if score.found[kind] else 1.0
    recall = hits[kind] / score.expected[kind] if score.expected[kind] else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return f"{precision:9.3f}{recall:7.3f}{f1:7.3f}"


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", nargs="+", type=Path)
    parser.add_argument("--mistakes", action="store_true", help="print the captions that differ from the truth")
    arguments = parser.parse_args()
    extractor = LexiconEntityWords()
    extractor.load()
    for path in arguments.truth:
        measure(path, extractor, show_mistakes=arguments.mistakes)


if __name__ == "__main__":
    main()
