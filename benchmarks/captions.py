"""How many captions per second the lexicon and the rule engine of the entity words read, and what the rules decide.

    python -m benchmarks.captions [CAPTIONS ...]

CAPTIONS is a JSON list of records, or a CSV: what stands under `caption`, or else under the only key whose name ends in
it, is a caption or a list of them. Without any, captions of the sprite world are read.

The rule engine is `check_answer`: from the raw answer of an extractor to entity words and broken rules. Its answers are
prepared beforehand. CPU time of one process and one thread; the goal is that of a core.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import cpu_seconds, machine, verdict
from curation.annotators.lexicon.extractor import LexiconEntityWords
from curation.entity_words import CheckedAnswer, check_answer
from storage.text_files import open_text
from worlds.sprites import SpriteWorldConfig, plan_clip

GOAL_PER_S: Final = 20_000
ROUNDS: Final = 5
SPRITE_CLIPS: Final = 1_000


def read_captions(path: Path) -> list[str]:
    """All captions of a file, in its order."""
    with open_text(path) as file:
        records = json.load(file) if path.suffix == ".json" else list(csv.DictReader(file))
    return [caption for record in records for caption in _captions(record, path)]


def _captions(record: Mapping[str, Any], path: Path) -> Iterator[str]:
    keys = [key for key in record if key == "caption"] or [key for key in record if key.endswith("caption")]
    if len(keys) != 1:
        raise ValueError(f"{path} has a record with keys {sorted(record)}, expected one of them to be its caption")
    found = record[keys[0]]
    yield from [found] if isinstance(found, str) else found


def sprite_captions() -> list[str]:
    """Captions that the project writes itself, some of them to be rejected."""
    config = SpriteWorldConfig(clips=SPRITE_CLIPS)
    return [plan_clip(config, number).caption for number in range(SPRITE_CLIPS)]


def measure(name: str, captions: list[str]) -> None:
    """Print the speed over some captions, and the funnel of the rules."""
    extractor = LexiconEntityWords()
    extractor.load()
    answers = extractor.extract(captions)
    pairs = list(zip(captions, answers, strict=True))

    def check() -> None:
        for caption, answer in pairs:
            check_answer(caption, answer)

    times = cpu_seconds({"extractor": lambda: extractor.extract(captions), "rule engine": check}, rounds=ROUNDS)
    print(f"\n{name}: {len(captions)} captions")
    for part, seconds in times.items():
        per_s = len(captions) / seconds
        goal = f"  {verdict(per_s, GOAL_PER_S, at_most=False)}" if part == "rule engine" else ""
        print(f"{part:12} {per_s:9,.0f} captions/s{goal}")
    print_funnel([check_answer(caption, answer) for caption, answer in pairs])


def print_funnel(checked: list[CheckedAnswer]) -> None:
    """Print how many captions each rule rejects: as the first that they break, and at all."""
    first = Counter(answer.violations[0].rule.value if answer.violations else "kept" for answer in checked)
    broken = Counter(violation.rule.value for answer in checked for violation in answer.violations)
    print(f"{'':24}{'first':>8}{'':>9}{'at all':>8}")
    for reason, count in first.most_common():
        print(f"{reason:24}{count:8}{count / len(checked):9.1%}{broken.get(reason, count):8}")


def main() -> None:
    """Measure the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", nargs="*", type=Path)
    paths = parser.parse_args().captions
    print(machine(("openalchemist",), seed=SpriteWorldConfig().seed))
    for path in paths:
        measure(str(path), read_captions(path))
    if not paths:
        measure("sprite world", sprite_captions())


if __name__ == "__main__":
    main()
