"""How well entity words are extracted; how fast, `benchmarks.captions` measures.

    python -m benchmarks.entity_words [TRUTH ...] [--mistakes]

Without TRUTH, captions of the sprite world are read, which knows its own words. TRUTH is a CSV with the columns
`caption`, `subject_words`, `object_words`, `background_words` (words joined by `|`), a CSV with `caption`,
`entity_words` and `roles` (one role per word), or a JSON list of records with `caption` and
`all_entity_words_annotated`.

Exact: the same characters. Head: overlapping words with the same last token, so that "dog" is right for "brown dog".
Wrong kind: of the words found at a place that the truth has too, those it puts into another kind.
With a class: of the words of captions that break no rule, those that a detector of COCO's classes can be asked for,
exactly or nearly (`curation.entity_words.object_classes`). That needs no truth, so all captions of MEDIA count.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from curation.annotators.lexicon.extractor import LexiconEntityWords
from curation.annotators.protocols import EntityWordExtractor
from curation.entity_words import CheckedAnswer, check_answer
from curation.entity_words.object_classes import object_classes
from storage.text_files import open_text, read_text
from worlds.sprites import SpriteWorldConfig, plan_clip

JOB: Final = "entity_words"
TRUTHS: Final = ("clips/manifest.csv", "masks/manifest.csv", "msrvttp/samples.json")
CAPTIONS: Final = ("captions/msrvtt_test_first800.json", "captions/panda70m_website_samples.csv")
KINDS: Final = ("subject", "object", "background")
GOALS: Final = {"subject": 0.85, "object": 0.7, "background": 0.7}
WRONG_KIND_GOAL: Final = 0.1
# Our choice: nearly every subject, but a quarter of the objects: clothes, food and instruments are most of the rest.
CLASS_GOALS: Final = {"subject": 0.97, "object": 0.25}
SPRITE_CLIPS: Final = 400

Words = Mapping[str, Sequence[str]]
Truth = tuple[list[tuple[str, Words]], tuple[str, ...]]  # captions with their words; the kinds that are complete
Compared = tuple[str, Words, Words, CheckedAnswer]  # a caption, what was expected, what was found


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


def figures(media: Path | None) -> list[Figure]:
    """F1 per kind, by exact words and by heads, and the rate of wrong kinds, over all truths of `media` together."""
    truths = [sprite_truth()] if media is None else [read_truth(media / name) for name in TRUTHS]
    extractor = LexiconEntityWords()
    extractor.load()
    score = Score()
    for truth in truths:
        measure(truth, extractor, score)
    found = []
    for kind in KINDS:
        of = f"{score.expected[kind]} words"
        exact, head = f_score(score, score.exact, kind), f_score(score, score.head, kind)
        found.append(Figure(job=JOB, name=f"{kind} F1, exact words", value=exact, of=of, goal=GOALS[kind]))
        found.append(Figure(job=JOB, name=f"{kind} F1, head nouns", value=head, of=of, goal=GOALS[kind]))
    return [
        *found,
        Figure(
            job=JOB,
            name="wrong kind",
            value=score.wrong_kind / max(1, score.at_known_place),
            of=f"{score.at_known_place} words found where the truth has one",
            goal=WRONG_KIND_GOAL,
            at_most=True,
        ),
        *class_figures(
            [caption for captions, _ in truths for caption, _ in captions] + read_captions(media), extractor
        ),
    ]


def class_figures(captions: Sequence[str], extractor: EntityWordExtractor) -> list[Figure]:
    """Which shares of the subject and object words have a class that a detector can be asked for."""
    answers = zip(captions, extractor.extract(captions), strict=True)
    usable = [checked for checked in (check_answer(*each) for each in answers) if not checked.violations]
    found = []
    for kind, goal in CLASS_GOALS.items():
        classes = [object_classes(word.word) for checked in usable for word in checked.words if word.kind == kind]
        of = f"{len(classes)} words of {len(usable)} captions"
        exact = sum(bool(each.exact) for each in classes) / max(1, len(classes))
        either = sum(bool(each.exact or each.near) for each in classes) / max(1, len(classes))
        found += [
            Figure(job=JOB, name=f"{kind} words with a class", value=either, of=of, goal=goal),
            Figure(job=JOB, name=f"{kind} words with an exact class", value=exact, of=of),
        ]
    return found


def read_captions(media: Path | None) -> list[str]:
    """The captions of the media folder whose words nobody wrote down."""
    if media is None:
        return []
    videos, table = (media / name for name in CAPTIONS)
    with open_text(table) as file:
        rows = list(csv.DictReader(file))
    of_videos = [caption for video in json.loads(read_text(videos)) for caption in video["caption"]]
    return [*of_videos, *(row["dataset_caption"] for row in rows)]


def sprite_truth() -> Truth:
    """Captions that the project writes itself, with the words that it wrote them from."""
    config = SpriteWorldConfig(clips=SPRITE_CLIPS)
    plans = [plan_clip(config, number) for number in range(SPRITE_CLIPS)]
    return [
        (plan.caption, {kind: [word.word for word in plan.words if word.kind == kind] for kind in KINDS})
        for plan in plans
    ], KINDS


def read_truth(path: Path) -> Truth:
    """What a truth file says, and the kinds that it is complete in."""
    if path.suffix == ".json":
        records = json.loads(read_text(path))
        return [(record["caption"], record["all_entity_words_annotated"]) for record in records], KINDS
    with open_text(path) as file:
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


def measure(truth: Truth, extractor: EntityWordExtractor, *scores: Score) -> list[Compared]:
    """Count a truth in every score; what was expected and found per caption."""
    captions, kinds = truth
    compared: list[Compared] = []
    for (caption, expected), answer in zip(captions, extractor.extract([c for c, _ in captions]), strict=True):
        checked = check_answer(caption, answer)
        found = {kind: [word.word for word in checked.words if word.kind == kind] for kind in KINDS}
        for score in scores:
            score.add(expected, found, kinds)
        compared.append((caption, {kind: expected[kind] for kind in kinds}, found, checked))
    return compared


def print_mistakes(compared: list[Compared]) -> None:
    """Print the captions that differ from their truth."""
    for caption, expected, found, _ in compared:
        if any(sorted(words) != sorted(found[kind]) for kind, words in expected.items()):
            print(f"{caption}\n  expected {dict(expected)}\n  found    {dict(found)}")


def print_score(name: str, score: Score) -> None:
    """Print a table of precision, recall and F1."""
    print(f"\n{name}")
    print(f"{'':12}{'expected':>9}{'found':>7}{'exact P':>9}{'R':>7}{'F1':>7}{'head P':>9}{'R':>7}{'F1':>7}")
    for kind in KINDS:
        if score.expected[kind]:
            cells = f"{precision_recall(score, score.exact, kind)}{precision_recall(score, score.head, kind)}"
            print(f"{kind:12}{score.expected[kind]:9}{score.found[kind]:7}{cells}")
    print(f"wrong kind: {score.wrong_kind} of {score.at_known_place}")


def precision_recall(score: Score, hits: Counter[str], kind: str) -> str:
    """Precision, recall and F1 as table cells."""
    precision = hits[kind] / score.found[kind] if score.found[kind] else 1.0
    recall = hits[kind] / score.expected[kind] if score.expected[kind] else 1.0
    return f"{precision:9.3f}{recall:7.3f}{f_score(score, hits, kind):7.3f}"


def f_score(score: Score, hits: Counter[str], kind: str) -> float:
    """F1: hits among the mean of what was found and what was expected; 1 where there was nothing to find."""
    both = score.found[kind] + score.expected[kind]
    return 2 * hits[kind] / both if both else 1.0


def main() -> None:
    """Measure what the command line names, and all of it together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", nargs="*", type=Path)
    parser.add_argument("--mistakes", action="store_true", help="print the captions that differ from the truth")
    arguments = parser.parse_args()
    extractor = LexiconEntityWords()
    extractor.load()
    together = Score()
    truths = {str(path): read_truth(path) for path in arguments.truth} or {"sprite world": sprite_truth()}
    for name, truth in truths.items():
        score = Score()
        compared = measure(truth, extractor, score, together)
        if arguments.mistakes:
            print_mistakes(compared)
        rules = Counter(violation.rule.value for *_, checked in compared for violation in checked.violations)
        print_score(f"{name} ({len(compared)} captions; broken rules: {dict(rules)})", score)
    if len(truths) > 1:
        print_score("together", together)


if __name__ == "__main__":
    main()
