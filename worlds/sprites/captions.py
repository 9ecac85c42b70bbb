"""Sentences about a scene: who moves how and where. They name shape, motion and place, never a texture."""

from collections.abc import Sequence

from worlds.chances import Rng, choose
from worlds.sprites.cast import SETTINGS, Medium, Role
from worlds.sprites.shot import Place

_NUMBERS = ("two", "three")
_IRREGULAR_PLURALS = {"fish": "fish"}


def describe(rng: Rng, place: Place, roles: Sequence[Role], facing: int) -> str:
    """A sentence that names every role once; in a group that goes one way, the leader must come last.

    What stands still comes after what moves. A single role faces right where `facing` is 1.
    """
    moving = [role for role in roles if not role.gait.is_still]
    if len(moving) < len(roles):
        return _past(rng, place, moving, roles[-1])
    match len(moving):
        case 0:
            return sentence(f"a slow view {_passage(rng, place, None)}")
        case 1:
            return _solo(rng, place, moving[0], facing)
        case 2:
            return _pair(rng, place, moving[0], moving[1])
        case _:
            return _trio(rng, place, moving)


def describe_plural(rng: Rng, place: Place, role: Role, count: int) -> str:
    """A sentence about several of a kind."""
    plural = _IRREGULAR_PLURALS.get(role.word, role.word + "s")
    return sentence(f"{_NUMBERS[count - 2]} {plural} {role.gait.plain} {_passage(rng, place, role.gait.medium)}")


def with_article(word: str) -> str:
    """A cat, an elephant."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def _solo(rng: Rng, place: Place, role: Role, facing: int) -> str:
    who, gait = with_article(role.word), role.gait
    passage = _passage(rng, place, gait.medium)
    toward, away = ("right", "left") if facing > 0 else ("left", "right")
    forms = (
        f"{who} {gait.verb} {passage}",
        f"{who} is {gait.gerund} {passage}",
        f"{who} {gait.verb} to the {toward} {passage}",
        f"{who} {gait.verb} from {away} to {toward} {passage}",
        f"{SETTINGS[place].opening}, {who} {gait.verb} to the {toward}",
        f"{SETTINGS[place].opening}, {who} is {gait.gerund} past",
    )
    return sentence(choose(rng, forms))


def _past(rng: Rng, place: Place, moving: Sequence[Role], still: Role) -> str:
    """One or two pass something that stands still."""
    opening, thing = SETTINGS[place].opening, with_article(still.word)
    where = opening[0].lower() + opening[1:]
    (one, *others), gait = [with_article(role.word) for role in moving], moving[0].gait
    forms: tuple[str, ...]
    if len(moving) == 1:
        forms = (
            f"{one} {gait.verb} past {thing} {where}",
            f"{one} is {gait.gerund} past {thing} {where}",
            f"{opening}, {one} {gait.verb} past {thing}",
        )
    elif gait.medium == moving[1].gait.medium:
        forms = (
            f"{one} follows {others[0]} past {thing} {where}",
            f"{opening}, {one} and {others[0]} move past {thing}",
        )
    else:
        forms = (f"{one} {gait.verb} past {thing} {where} while {others[0]} {moving[1].gait.verb} by",)
    return sentence(choose(rng, forms))


def _pair(rng: Rng, place: Place, first: Role, second: Role) -> str:
    one, other = with_article(first.word), with_article(second.word)
    passage = _passage(rng, place, first.gait.medium)
    forms: tuple[str, ...]
    if first.gait.medium != second.gait.medium:
        above = second.gait.medium == Medium.AIR
        forms = (
            f"{one} {first.gait.verb} {passage} while {other} {second.gait.verb} {'overhead' if above else 'below'}",
            f"{one} is {first.gait.gerund} {passage} as {other} {second.gait.verb} past",
            f"{SETTINGS[place].opening}, {one} {first.gait.verb} and {other} {second.gait.verb}",
        )
    elif first.gait.verb == second.gait.verb:
        forms = (
            f"{one} chases {other} {passage}",
            f"{one} follows {other} {passage}",
            f"{one} and {other} {first.gait.plain} {passage}",
            f"{SETTINGS[place].opening}, {one} {first.gait.verb} behind {other}",
        )
    else:
        forms = (
            f"{one} follows {other} {passage}",
            f"{one} {first.gait.verb} behind {other} {passage}",
            f"{one} {first.gait.verb} and {other} {second.gait.verb} {passage}",
        )
    return sentence(choose(rng, forms))


def _trio(rng: Rng, place: Place, roles: Sequence[Role]) -> str:
    first, second, third = roles
    passage = _passage(rng, place, first.gait.medium)
    one, two, three = (with_article(role.word) for role in roles)
    forms: tuple[str, ...]
    if len({role.gait.medium for role in roles}) == 1:
        forms = (
            f"{one}, {two} and {three} move {passage}",
            f"{one} follows {two} and {three} {passage}",
        )
    elif first.gait.medium == second.gait.medium:
        forms = (
            f"{one} follows {two} {passage} while {three} {third.gait.verb} past",
            f"{one} {first.gait.verb} behind {two} {passage} as {three} {third.gait.verb} by",
        )
    else:
        forms = (
            f"{one} {first.gait.verb} {passage} while {two} and {three} pass by",
            f"{one} is {first.gait.gerund} {passage} as {two} {second.gait.verb} behind {three}",
        )
    return sentence(choose(rng, forms))


def _passage(rng: Rng, place: Place, medium: Medium | None) -> str:
    passages = SETTINGS[place].passages
    return choose(rng, passages[medium] if medium else next(iter(passages.values())))
