"""The documents tell the truth about the tree: links lead somewhere, the map of the paper is whole."""

import re
from pathlib import Path

import pytest

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
