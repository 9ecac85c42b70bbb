"""What a rule allows, and what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.rules import Bound, Rule, broken


def rule(bound: Bound, limit: float | None, **changes: object) -> Rule:
    return Rule(
        **{  # type: ignore[arg-type]
            "code": "too_dull",
            "reads": "dullness",
            "bound": bound,
            "limit": limit,
            "sentence": "dullness {value:.1f} (limit {limit:g}) in {place}",
            "plain": "dull",
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("bound", "allowed"),
    [
        (Bound.AT_LEAST, [False, True, True]),
        (Bound.ABOVE, [False, False, True]),
        (Bound.AT_MOST, [True, True, False]),
        (Bound.BELOW, [True, False, False]),
    ],
)
def test_a_bound_allows_its_side_of_the_limit(bound: Bound, allowed: list[bool]) -> None:
    assert [rule(bound, 0.5).holds({"dullness": value}) for value in (0.4, 0.5, 0.6)] == allowed


def test_what_was_not_measured_breaks_no_rule() -> None:
    assert rule(Bound.AT_LEAST, 0.5).holds({})
    assert rule(Bound.ABSENT, None).holds({"dullness": None})
    assert not rule(Bound.ABSENT, None).holds({"dullness": "very"})


def test_a_broken_rule_says_its_sentence_with_the_facts() -> None:
    (flaw,) = broken([rule(Bound.BELOW, 0.5)], {"dullness": 0.75, "place": "Ulm"})

    assert flaw.detail == "dullness 0.8 (limit 0.5) in Ulm"
    assert str(flaw) == "dull (dullness 0.8 (limit 0.5) in Ulm)"
    assert flaw.rule.demand == "dullness < 0.5"


def test_of_several_rules_with_one_code_the_first_that_is_broken_speaks() -> None:
    rules = [
        rule(Bound.AT_MOST, 9, sentence="first"),
        rule(Bound.AT_MOST, 1, sentence="second"),
        rule(Bound.AT_MOST, 2, sentence="third"),
        rule(Bound.AT_MOST, 0, sentence="other", code="other"),
    ]

    assert [flaw.detail for flaw in broken(rules, {"dullness": 5})] == ["second", "other"]


@given(value=st.floats(allow_nan=False), limit=st.floats(allow_nan=False, allow_infinity=False))
def test_opposite_bounds_divide_all_values(value: float, limit: float) -> None:
    facts = {"dullness": value}

    for one, other in ((Bound.AT_LEAST, Bound.BELOW), (Bound.AT_MOST, Bound.ABOVE)):
        assert rule(one, limit).holds(facts) is not rule(other, limit).holds(facts)


@pytest.mark.parametrize(("bound", "limit"), [(Bound.ABSENT, 1.0), (Bound.BELOW, None)])
def test_a_limit_belongs_to_a_bound(bound: Bound, limit: float | None) -> None:
    with pytest.raises(ValueError, match="too_dull has the bound"):
        rule(bound, limit)
