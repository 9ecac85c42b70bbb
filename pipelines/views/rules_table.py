"""The rules of a list of stages as a table for people: what docs/rules.md shows."""

from collections.abc import Iterator, Sequence

from curation.rules import Rule
from curation.stage import Stage


def rules_table(stages: Sequence[Stage]) -> str:
    """A Markdown table, one row a rule, in the order in which they decide."""
    return "\n".join(
        [
            "| stage | leaves out | code | asks for | found to be | what to do |",
            "|---|---|---|---|---|---|",
            *(line for stage in stages for line in _lines(stage)),
        ]
    )


def _lines(stage: Stage) -> Iterator[str]:
    for rule in stage.rules:
        cells = (stage.name, f"a {rule.about}", f"`{rule.code}`", _demand(rule), rule.plain, rule.advice)
        yield f"| {' | '.join(cells)} |"


def _demand(rule: Rule) -> str:
    return rule.demand.replace("|", "\\|")
