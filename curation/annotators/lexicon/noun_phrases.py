"""Noun phrases of a caption: a small grammar over the word lists, one pass from left to right, no training."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from curation.annotators.lexicon.sentence import Sentence
from curation.annotators.lexicon.word_classes import VerbForm, WordClass, verb_base, verb_form
from curation.entity_words.number import is_plural, is_plural_form
from curation.entity_words.tokens import Token
from curation.entity_words.word_lists import Noun, NounClass, find_noun, sections


class Before(StrEnum):
    """What a noun phrase follows; it decides between noun and verb, and what role the phrase has."""

    START = "start"
    PHRASE = "phrase"
    VERB = "verb"
    PREPOSITION = "preposition"
    CONJUNCTION = "conjunction"
    AUXILIARY = "auxiliary"
    PRONOUN = "pronoun"


class NounPhrase(NamedTuple):
    """Tokens `[first, end)` name something; `[opened, first)` are its determiners.

    Attributes:
        before: what stands before the phrase.
        word_before: the very word, "" at the start.
        is_predicate: says what an earlier phrase is ("the man is a chef").
        is_owner: a possessive sign follows ("a woman's").
        is_topic: talked or thought about, not seen: behind "about" up to the next verb.
        next_verb: the first verb behind the phrase, if only auxiliaries and adverbs stand between; else "".
    """

    opened: int
    first: int
    end: int
    before: Before
    word_before: str
    is_predicate: bool
    is_owner: bool
    is_topic: bool
    next_verb: str


# Where a phrase may be the subject of its clause.
_SUBJECT_PLACES: Final = frozenset({Before.START, Before.CONJUNCTION, Before.PHRASE})
_WATCHING: Final = frozenset({"watch", "see", "hear", "make", "let", "help"})
_RELATIVE: Final = frozenset({"that", "which", "who"})


def noun_phrases(tokens: Sequence[Token]) -> list[NounPhrase]:
    """The noun phrases in reading order; they do not overlap."""
    return _Reader(Sentence([token.text for token in tokens])).read()


class _Reader:
    """Goes through a sentence: opens a phrase where one may stand, and remembers what it passed otherwise."""

    def __init__(self, sentence: Sentence) -> None:
        self._sentence = sentence
        self._before = Before.START
        self._word_before = ""
        self._owner_place: Before | None = None  # where the owner stands whose thing comes next
        self._has_subject = False
        self._names_being = False  # somebody whom "he" or "she" can mean
        self._subject_end = -1  # where the last phrase ends, if it is the subject of its clause
        self._is_topic = False
        self._is_question = False  # the topic is a clause: "about how dogs bark"
        self._beings = 0  # that the clause has named as its subjects so far, before any verb
        self._has_verb = False
        self._is_relative = False  # the next verb is that of "who" or "which"

    def read(self) -> list[NounPhrase]:
        phrases: list[NounPhrase] = []
        at = 0
        while at < len(self._sentence):
            phrase = self._phrase(at)
            if phrase is None:
                self._pass(at)
                at += 1
                continue
            phrases.append(phrase)
            # The possessive sign, if it is written, belongs to no phrase.
            at = phrase.end + (phrase.is_owner and not self._sentence.lacks_apostrophe(phrase.end - 1))
            place = self._owner_place or phrase.before
            self._owner_place = place if phrase.is_owner else None
            self._before = Before.PREPOSITION if phrase.is_owner else Before.PHRASE
            self._word_before = self._sentence.word(at - 1)
            self._has_subject = True
            is_being = self._sentence.is_being(phrase.end - 1)
            self._names_being |= is_being
            is_subject = place in {Before.START, Before.CONJUNCTION} and not phrase.is_owner
            self._subject_end = phrase.end if is_subject else -1
            # Behind a comma stands a list, which goes on to an "and", or another name of the same one.
            self._beings += is_subject and is_being and phrase.word_before != ","
        return phrases

    def _phrase(self, at: int) -> NounPhrase | None:
        sentence = self._sentence
        first = self._skip_determiners(at)
        if first == at and not self._may_open(at):
            return None
        lacking = 0 if self._has_verb else self._beings
        place = self._owner_place or self._before
        end = _Run(sentence, first, sentence.words(at, first), place, lacking_verb=lacking).read()
        if end is None:
            return None
        is_owner = (
            sentence.word(end) == "'s"
            or (sentence.word(end) == "'" and is_plural_form(sentence.word(end - 1)) and sentence.noun_follows(end + 1))
            or (sentence.word(end) == "s" and sentence.noun_follows(end + 1))
            or sentence.lacks_apostrophe(end - 1)
        )
        is_equated = self._before is Before.AUXILIARY and self._word_before in sections()["copula"]
        return NounPhrase(
            opened=at,
            first=first,
            end=end,
            before=Before.PREPOSITION if self._word_before == "to" else self._before,
            word_before=self._word_before,
            is_predicate=is_equated and self._has_subject and not sentence.is_hedged(at),
            is_owner=is_owner,
            is_topic=self._is_topic,
            next_verb=sentence.next_verb(end),
        )

    def _skip_determiners(self, at: int) -> int:
        """Where the determiners that start at `at` end; "two of the" is one of them."""
        sentence = self._sentence
        while at < len(sentence):
            is_strengthened = sentence.has(at, "intensifier") and sentence.is_adjective(at + 1)
            counts_part = sentence.word(at) == "of" and sentence.has(at - 1, "part_determiner")
            if not (sentence.is_determiner(at) or is_strengthened or counts_part):
                break
            at += 1
        return at

    def _may_open(self, at: int) -> bool:
        """Whether a phrase without a determiner may start here."""
        classes = self._sentence.classes(at)
        if WordClass.CLOSED in classes:
            return False
        if classes == {WordClass.UNKNOWN}:
            return self._before is not Before.PHRASE
        if WordClass.ADJECTIVE in classes and self._sentence.noun_follows(at + 1):
            return self._before is not Before.AUXILIARY or WordClass.VERB not in classes
        if WordClass.VERB in classes:
            return self._reads_as_noun(at)
        return WordClass.NOUN in classes and not self._lacks_verb(at)

    def _lacks_verb(self, at: int) -> bool:
        """Whether a noun in -s stands where the verb of one thing must: "she plates a", "a cook quickly plates a"."""
        behind = at - 1 if self._sentence.word(at - 1).endswith("ly") else at
        is_behind_subject = behind == self._subject_end and not self._sentence.has(behind - 1, "quantity")
        is_behind_pronoun = self._before is Before.PRONOUN and self._word_before in {"he", "she", "it"}
        return (is_behind_subject or is_behind_pronoun) and is_plural_form(self._sentence.word(at))

    def _reads_as_noun(self, at: int) -> bool:
        """Whether a word that may be a verb is a noun or describes one, where no determiner announces it."""
        form = verb_form(self._sentence.word(at))
        if form is VerbForm.S and self._before is not Before.PREPOSITION and self._sentence.places(at):
            return False
        if form is VerbForm.BASE and self._before is Before.START and self._sentence.is_determiner(at + 1):
            return False  # "watch this man"
        if WordClass.NOUN not in self._sentence.classes(at):
            can_describe = self._before in {Before.PREPOSITION, Before.START, Before.VERB} and form is VerbForm.PAST
            return can_describe and self._sentence.noun_follows(at + 1)
        if self._before is Before.CONJUNCTION:
            if form is VerbForm.S and self._is_missing_verb(at):
                return False
            return form is VerbForm.BASE or self._adds_to_plural(at) or not self._sentence.verb_fits_before(at + 1)
        return self._before in {Before.PREPOSITION, Before.VERB, Before.START}

    def _is_missing_verb(self, at: int) -> bool:
        """Whether one being is all that the clause has, and then something is done: "a man, who..., grills skewers"."""
        is_alone = self._beings == 1 and not self._has_verb
        return is_alone and self._sentence.is_nominal(at + 1) and not self._sentence.has_verb_behind(at + 1)

    def _adds_to_plural(self, at: int) -> bool:
        """Whether a plural continues one ("waves and rocks in"): a verb in -s agrees with one thing only."""
        noun = find_noun(self._sentence.word(at))
        is_visible = noun is not None and noun.noun_class is not NounClass.ABSTRACT
        continues = is_plural_form(self._sentence.word(at - 2)) and not self._sentence.is_determiner(at + 1)
        return is_visible and continues

    def _pass(self, at: int) -> None:
        """Remember a token that opens no phrase."""
        self._word_before = self._sentence.word(at)
        self._owner_place = None
        before = self._role(at)
        self._count_verb(at, before)
        if before is not None:
            self._is_topic = self._keeps_topic(at, before)
            self._is_question = self._is_topic and (self._is_question or self._sentence.opens_question(at))
            self._before = before
        if self._word_before in {".", "!", "?", ";", "there", "here", "this", "it"}:
            self._has_subject = False
        elif self._word_before in {"he", "she", "they"}:
            self._has_subject = self._names_being

    def _count_verb(self, at: int, before: Before | None) -> None:
        """Remember whether the clause has its verb; one behind "who" or "which" is that of another."""
        if before is Before.START:
            self._beings, self._has_verb, self._is_relative = 0, False, False
        elif self._has_verb or before is None or before is Before.PREPOSITION or before is Before.CONJUNCTION:
            return
        elif self._word_before in _RELATIVE:
            self._is_relative = True
        elif before is Before.AUXILIARY or self._sentence.is_finite(at):
            self._has_verb = not self._is_relative
            self._is_relative = before is Before.AUXILIARY and self._is_relative

    def _role(self, at: int) -> Before | None:
        """What a closed-class word or verb makes of the place behind it; None if it changes nothing."""
        sentence = self._sentence
        word = sentence.word(at)
        is_subordinator = sentence.has(at, "subordinator") and not sentence.has(at, "preposition")
        roles = (
            (Before.START, word in {".", "!", "?", ";"} or (is_subordinator and word not in _RELATIVE)),
            (Before.PRONOUN, is_subordinator or word in {"there", "here", "this", "it"}),
            (Before.AUXILIARY, sentence.has(at, "auxiliary") or word in {"to", "'s"}),
            (Before.CONJUNCTION, sentence.has(at, "conjunction") or word == "," or sentence.adds_as_well(at)),
            (Before.PREPOSITION, sentence.has(at, "preposition")),
            (Before.PRONOUN, sentence.has(at, "pronoun")),
            (Before.VERB, verb_form(word) is not VerbForm.NONE),
        )
        return next((role for role, applies in roles if applies), None)

    def _keeps_topic(self, at: int, before: Before) -> bool:
        """Whether what follows is still talked about; "about" starts it, a new clause or a finite verb ends it."""
        if before is Before.PREPOSITION:
            return self._is_topic or self._sentence.opens_topic(at)
        if before is Before.VERB:
            return self._is_topic and (self._is_question or verb_form(self._sentence.word(at)) is VerbForm.ING)
        if before is Before.CONJUNCTION:
            return self._is_topic and verb_form(self._sentence.word(at + 1)) is VerbForm.NONE
        return self._is_topic and before is not Before.START and self._sentence.word(at) != "there"


@dataclass(slots=True)
class _Run:
    """Adjectives and nouns in a row, behind their determiners."""

    sentence: Sentence
    first: int
    determiners: tuple[str, ...]
    before: Before
    noun: int | None = None  # the last noun so far
    is_known: bool = False
    _: KW_ONLY
    lacking_verb: int  # the beings that the clause is about, if it has no verb yet

    def read(self) -> int | None:
        """Where the run ends, with its last noun; None if it has no noun."""
        at = self.first
        while at < len(self.sentence):
            step = self._step(at)
            if not step:
                break
            at += step
        return None if self.noun is None else self.noun + 1

    def _step(self, at: int) -> int:
        """How many words from `at` join the run: 0 ends it."""
        classes = self.sentence.classes(at)
        if self.noun is not None and (self.sentence.lacks_apostrophe(self.noun) or self.sentence.is_camera_move(at)):
            return 0
        if self.sentence.word(at) in {",", "and", "or"}:
            return self._join_adjectives(at)
        if WordClass.CLOSED in classes:
            return self._join_closed(at)
        if self.noun is None and self._describes_next(at):
            return 1
        if WordClass.VERB in classes and self.noun is not None and self._reads_as_verb(at, self.noun):
            return 0
        if WordClass.NOUN in classes:
            return self._join_noun(at)
        if WordClass.UNKNOWN in classes:
            return self._join_unknown(at)
        return self._join_description(at, is_verb=WordClass.VERB in classes)

    def _join_closed(self, at: int) -> int:
        """A closed-class word joins only behind a determiner: "a can", "a dimly lit room"."""
        is_container = self.sentence.word(at) == "can" and not self.sentence.can_act(at + 1)
        if not (is_container or self.noun is None) or not self.determiners:
            return 0
        if WordClass.NOUN in self.sentence.classes(at):
            return self._join_noun(at)
        word = self.sentence.word(at)
        return int((word.endswith("ly") or word == "well") and self.sentence.is_participle(at + 1))

    def _describes_next(self, at: int) -> bool:
        """Whether a word in front of the noun is an adjective of it; in "a female dances" it is the noun itself."""
        if not (self.sentence.is_adjective(at) or self.sentence.is_participle(at)):
            return False
        following = self.sentence.word(at + 1)
        as_noun = find_noun(following)
        is_act = as_noun is None or as_noun.noun_class is NounClass.ABSTRACT
        is_side = self.sentence.word(at) in {"left", "right"} and self.lacking_verb == 1
        is_subject = is_act or is_side or self.sentence.places(at + 1)
        is_subject = is_subject or bool({"a", "an"}.intersection(self.determiners))
        acts = WordClass.NOUN in self.sentence.classes(at) and verb_form(following) is VerbForm.S and is_subject
        return self.sentence.is_nominal(at + 1) and not acts

    def _join_description(self, at: int, *, is_verb: bool) -> int:
        """A verb or an adjective that can only describe: behind a noun, one that another noun follows."""
        describes_next = self.sentence.is_nominal(at + 1)
        if is_verb:
            return int(describes_next and (self.noun is not None or bool(self.determiners)))
        return int(self.noun is None or (describes_next and self.sentence.has(at, "color")))

    def _join_noun(self, at: int) -> int:
        is_singular = bool(sections()["singular_determiner"].intersection(self.determiners))
        if is_singular and self._is_being() and is_plural_form(self.sentence.word(at)):
            return 0  # "a man paddles": no plural behind "a", so it is a verb
        if self.noun is not None and self.determiners[-1:] in {("a",), ("an",)} and self._is_last_plural(at):
            return 0  # "a truck backs up"
        self.noun, self.is_known = at, True
        return 1

    def _is_last_plural(self, at: int) -> bool:
        """Whether a plural would end the run; "trousers" are one thing, "martial arts" one word."""
        word = self.sentence.word(at)
        is_several = is_plural_form(word) and is_plural(word, ()) and not self.sentence.is_being(at)
        continues = self.sentence.is_nominal(at + 1) or self.sentence.is_participle(at + 1)
        return is_several and not continues and not self.sentence.is_compound(at)

    def _join_unknown(self, at: int) -> int:
        word = self.sentence.word(at)
        if self.is_known and not self.sentence.is_compound(at):
            if self.sentence.is_surname(at):
                self.noun = at
                return 1
            is_being = self._is_being()
            if (is_being and not self._describes_kind(at)) or (not is_being and is_plural_form(word)):
                return 0
            if not is_being and not self._completes(at):
                return int(self.sentence.noun_follows(at + 1))
        if self.noun is not None and self._is_like_verb(at) and not self.sentence.is_compound(at):
            return 0
        self.noun, self.is_known = at, False
        return 1

    def _describes_kind(self, at: int) -> bool:
        """Whether an animal and an unknown word describe what follows: behind "a python", a verb would end in -s."""
        noun = find_noun(self.sentence.word(at - 1))
        if noun is None or noun.noun_class is not NounClass.ANIMAL or not {"a", "an"}.intersection(self.determiners):
            return False
        return not self.sentence.word(at).endswith("s") and self.sentence.noun_follows(at + 1)

    def _completes(self, at: int) -> bool:
        """Whether an unknown word behind a noun is the head: "a rice zorber", or a name, "bill murray is cooking"."""
        following = self.sentence.word(at + 1)
        is_verb_next = verb_form(following) is not VerbForm.NONE or self.sentence.has(at + 1, "auxiliary")
        if self.determiners:
            return not self.sentence.noun_follows(at + 1) and not self.sentence.is_determiner(at + 1)
        return is_verb_next and self.noun == self.first

    def _join_adjectives(self, at: int) -> int:
        """Step over what joins two adjectives of one noun: "black and white rabbit", "cloudy, forested area"."""
        if at == self.first or (self.noun is not None and not self.sentence.has(self.noun, "color")):
            return 0
        following = at + 1
        if self.sentence.word(at) == "," and self.sentence.word(following) in {"and", "or"}:
            following += 1
        is_joint = self.sentence.is_adjective(at - 1) and self.sentence.is_adjective(following)
        if not (is_joint and self.sentence.noun_follows(following)):
            return 0
        self.noun, self.is_known = None, False
        return following - at

    def _reads_as_verb(self, at: int, noun: int) -> bool:
        """Whether a word that may be a verb is one, behind the run's last noun."""
        if noun != at - 1 or self.sentence.is_compound(at) or self.sentence.is_compound(at + 1):
            return False
        form = verb_form(self.sentence.word(at))
        as_noun = find_noun(self.sentence.word(at))
        is_behind_plural = is_plural_form(self.sentence.word(noun))
        if form is VerbForm.ING and as_noun is not None and self._is_thing_done(at, as_noun):
            return False
        if form in {VerbForm.ING, VerbForm.PAST}:
            return is_behind_plural or self._acts(at, form)
        if as_noun is None or is_behind_plural:
            return not (form is VerbForm.BASE and self._is_described(at))
        if form is VerbForm.BASE and (self.lacking_verb > 1 or self._is_watched()) and self._ends_clause(at):
            return True
        if form is VerbForm.BASE:
            return self._is_plural_verb(at, as_noun)
        goes_on = self.sentence.has(at + 1, "preposition") and self.sentence.word(at + 1) != "of"
        goes_on |= self.sentence.word(noun) in {"left", "right"}
        if self.lacking_verb == 1 and goes_on and not self.sentence.has_verb_behind(at + 1):
            return True  # "the girl with the red backpack waves to"
        return self._is_being() or self._agrees(at, as_noun)

    def _is_thing_done(self, at: int, as_noun: Noun) -> bool:
        """Whether a noun in -ing is no act of the noun before it, as in "a brick building" or "an oil painting of"."""
        if self.sentence.word(at + 1) == "of":
            return True
        is_visible = as_noun.noun_class in {NounClass.THING, NounClass.PLACE} and not self._is_being()
        return is_visible and self.sentence.word(at + 1) in {"", ".", ",", "and", "while", "as", "with"}

    def _is_watched(self) -> bool:
        """Whether somebody watches what the run names do something: "watches a cat dance"."""
        return self._is_being() and verb_base(self.sentence.word(self.first - len(self.determiners) - 1)) in _WATCHING

    def _ends_clause(self, at: int) -> bool:
        """Whether no noun and no verb follows, so that this is it: "a woman in red and a man in a blue suit dance"."""
        is_one = self.determiners[-1:] in {("a",), ("an",)}
        fits = self.sentence.verb_fits_before(at + 1) or (is_one and self._is_last_plural(at + 1))
        return fits and not self.sentence.has_verb_behind(at + 1)

    def _is_plural_verb(self, at: int, as_noun: Noun) -> bool:
        """Whether a base form behind a person or animal is its verb: "a boy and a girl dance", but "a horse race"."""
        is_act = as_noun.noun_class is NounClass.ABSTRACT
        if not self._is_being():
            return is_act and self.before is Before.CONJUNCTION and self.sentence.verb_fits_before(at + 1)
        if self.sentence.is_determiner(at + 1):
            return True
        is_followed_by_verb = verb_form(self.sentence.word(at + 1)) is VerbForm.S
        if self.before not in _SUBJECT_PLACES or self.sentence.has(at + 1, "auxiliary") or is_followed_by_verb:
            return False
        is_one = bool({"a", "an", "the"}.intersection(self.determiners)) and self.before is not Before.CONJUNCTION
        return is_act or (not is_one and self.sentence.verb_fits_before(at + 1))

    def _acts(self, at: int, form: VerbForm) -> bool:
        """Whether a participle says what the noun does, instead of describing the next noun ("video editing tool")."""
        base = verb_base(self.sentence.word(at))
        is_own = base in sections()["naming"] or base in sections()["posture"]
        is_own = is_own or (form is VerbForm.ING and base in sections()["handling"])
        return self._is_being() or is_own or not self.sentence.is_nominal(at + 1)

    def _is_described(self, at: int) -> bool:
        """Whether a base form is part of a name: behind "an" it cannot be the verb ("an orange dodge challenger")."""
        is_singular = bool({"a", "an"}.intersection(self.determiners))
        return is_singular and not self._is_being() and self.sentence.is_nominal(at + 1)

    def _agrees(self, at: int, as_noun: Noun) -> bool:
        """Whether a word in -s behind a thing is its verb: "a car stops", not "the traffic lights are"."""
        if {"a", "an"}.intersection(self.determiners) or as_noun.noun_class is NounClass.ABSTRACT:
            return True
        described = find_noun(self.sentence.word(at - 1))
        if self.sentence.places(at) or (described is not None and described.noun_class is NounClass.HAIR):
            return True
        return self.before in _SUBJECT_PLACES and not self.sentence.has(at + 1, "auxiliary")

    def _is_being(self) -> bool:
        return self.noun is not None and self.sentence.is_being(self.noun)

    def _is_like_verb(self, at: int) -> bool:
        """Whether an unknown word in -s is a verb: "the zorb quilps a", but not "a zorb quilps cap"."""
        word = self.sentence.word(at)
        is_definite = bool((sections()["singular_determiner"] | {"the"}).intersection(self.determiners))
        return word.endswith("s") and not word.endswith("ss") and is_definite and not self.sentence.noun_follows(at + 1)
