"""The documents tell the truth about the tree: links lead somewhere, the map of the paper is whole."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from curation.annotators.likeness.histogram import HistogramEncoder
from curation.one_subject.rules import STAGE, SubjectConfig, subject_rules
from curation.profiles import CurationConfig, build_stages
from curation.records import Clip
from curation.rules import About, Rule
from curation.stage import Stage
from curation.stages.captions import CaptionsConfig
from pipelines.views.rules_table import rules_table

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("curation/**/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")

# Everything of the paper and its supplement that says what to build.
PARTS = [
    *("3.1", "3.2", "3.3", "4.1", "4.2", "A.1", "A.2", "A.3", "B.1", "B.2", "B.3", "D"),
    *("Table 4", "Table 5", "Table 6", "Equation 1", "Equation 2", "Figure 7", "Figure 8"),
]


def paper_rows() -> dict[str, list[str]]:
    """Part of the paper -> the other cells of its row."""
    lines = (ROOT / "docs" / "paper_map.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row[1:] for row in cells[2:]}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(document: Path) -> None:
    targets = [t for t in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in t]

    missing = [target for target in targets if not (document.parent / target).exists()]

    assert missing == []


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_paper_has_its_code_and_its_test_or_says_that_it_is_missing(part: str) -> None:
    _, code, test, note = paper_rows()[part]

    if note.startswith("not yet"):
        assert (code, test) == ("", "")
    else:
        assert LINK.search(code), f"{part} names no file"
        assert any(Path(target).name.startswith("test_") for target in LINK.findall(test)), f"{part} names no test"


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert named
    assert named <= targets


class _OneSubject(Stage):
    """No stage of a run, but its rules are read like those of one."""

    name: ClassVar[str] = STAGE

    @property
    def rules(self) -> Sequence[Rule]:
        return subject_rules(SubjectConfig(), HistogramEncoder.same_subject)

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        raise NotImplementedError


def every_stage() -> list[Stage]:
    """Those of a run that rejects videos of several shots, those that only other settings have, and the search."""
    usual = build_stages(CurationConfig())
    others = build_stages(CurationConfig(several_shots="split", captions=CaptionsConfig(which="missing")))
    names = {stage.name for stage in usual}
    return [*usual, *(stage for stage in others if stage.name not in names), _OneSubject()]


def test_the_page_of_rules_shows_the_rules() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")

    assert rules_table(every_stage()) in page, f"expected in docs/rules.md:\n{rules_table(every_stage())}"


def test_every_rule_about_clips_says_what_to_do() -> None:
    rules = [rule for stage in every_stage() for rule in stage.rules if rule.about is About.CLIP]

    assert [rule.code for rule in rules if not rule.advice] == []
    assert [rule.code for rule in rules if not rule.plain] == []


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_stands_in_the_page_about_extending(example: Path) -> None:
    code = example.read_text(encoding="utf-8")

    assert len(code.splitlines()) <= 40
    assert f"```python\n{code}```" in (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


def test_files_that_documents_name_are_there() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("curation/**/*.md")]
    named = {
        (document.name, path)
        for document in documents
        if document.name != "CHANGELOG.md"
        for path in re.findall(
            r"`((?:curation|modeling|pipelines|worlds|storage|tests|examples|exports|picture_reading|video_reading)/[\w/]+\.py)`",
            document.read_text(encoding="utf-8"),
        )
    }

    assert [entry for entry in sorted(named) if not (ROOT / entry[1]).is_file()] == []
