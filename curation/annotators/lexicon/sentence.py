"""A caption's words, and what a look at the neighbours tells about one of them."""

from collections.abc import Sequence
from typing import Final

from curation.annotators.lexicon.word_classes import VerbForm, WordClass, verb_base, verb_form, word_classes
from curation.entity_words.number import singular_of
from curation.entity_words.phrases import is_determiner
from curation.entity_words.word_lists import BEINGS, NounClass, find_compound, find_noun, sections

# More than any look at the neighbours goes beyond the sentence.
_PADDING = 8
_NOMINAL = frozenset({WordClass.NOUN, WordClass.ADJECTIVE, WordClass.UNKNOWN})

_HEDGES: Final = frozenset({"to", "like", "likely", "probably", "possibly", "look", "looks", "looked"})


class Sentence:
    """The words by position; positions outside hold ""."""

    def __init__(self, words: Sequence[str]) -> None:
        self._count = len(words)
        # Positions behind the end and before the start, which a tuple counts from its end, both reach the padding.
        self._words = (*words, *[""] * _PADDING)
        self._classes = tuple(map(word_classes, self._words))

    def __len__(self) -> int:
        return self._count

    def word(self, at: int) -> str:
        """The word at a position."""
        return self._words[at]

    def words(self, start: int, end: int) -> tuple[str, ...]:
        """The words of `[start, end)`."""
        return self._words[start:end]

    def classes(self, at: int) -> frozenset[WordClass]:
        """The classes the word may have; "slices" is a noun before "of"."""
        if self._words[at + 1] == "of" and singular_of(self._words[at]) in sections()["partitive"]:
            return self._classes[at] | {WordClass.NOUN}
        return self._classes[at]

    def has(self, at: int, section: str) -> bool:
        """Whether a list has the word."""
        return self.word(at) in sections()[section]

    def is_adjective(self, at: int) -> bool:
        """Whether the word may be an adjective."""
        return WordClass.ADJECTIVE in self.classes(at)

    def is_nominal(self, at: int) -> bool:
        """Whether the word may be part of a noun phrase behind its determiner."""
        return bool(self.classes(at) & _NOMINAL) and WordClass.CLOSED not in self.classes(at)

    def is_participle(self, at: int) -> bool:
        """Whether the word may describe what follows: "paved path", "low cut dress"."""
        is_form = verb_form(self.word(at)) in {VerbForm.ING, VerbForm.PAST} or self.has(at, "past")
        return is_form and self.is_nominal(at + 1)

    def is_compound(self, at: int) -> bool:
        """Whether the lists have the word together with the one before ("steering wheel")."""
        return find_compound(self.word(at - 1), self.word(at)) is not None

    def is_determiner(self, at: int) -> bool:
        """Whether the word opens a noun phrase; "that", "her" and the like only before a word that continues it."""
        word = self.word(at)
        if word in {"that", "which", "what"} and at + 1 < len(self):
            return bool(self.classes(at + 1) & _NOMINAL) and not self.classes(at + 1) & {
                WordClass.VERB,
                WordClass.CLOSED,
            }
        if word in {"her", "no"} and at + 1 < len(self):
            return bool(self.classes(at + 1) & _NOMINAL)
        return is_determiner(word)

    def noun_follows(self, at: int) -> bool:
        """Whether adjectives, if any, and then a noun stand here."""
        while self.is_adjective(at) or self._joins_adjectives(at):
            at += 1
        if WordClass.CLOSED not in self.classes(at) and self.classes(at) & {WordClass.NOUN, WordClass.UNKNOWN}:
            return True
        return WordClass.NOUN in self.classes(at - 1)  # "the blonde": the last adjective was the noun

    def lacks_apostrophe(self, at: int) -> bool:
        """Whether the word owns what follows, and is written like a plural: "a mans hat", but not "a mans starts"."""
        if not self.has(at, "possessive_form") or not self.is_nominal(at + 1):
            return False
        owned = find_noun(self.word(at + 1))
        is_act = owned is not None and owned.noun_class is NounClass.ABSTRACT
        return not (is_act and verb_form(self.word(at + 1)) is VerbForm.S)

    def places(self, at: int) -> bool:
        """Whether the word says where something is: "stands in", even behind a noun that it might continue."""
        return verb_base(self.word(at)) in sections()["posture"] and self.verb_fits_before(at + 1)

    def is_camera_move(self, at: int) -> bool:
        """Whether the word says what the filming camera does: "the camera pans"."""
        is_camera = self.word(at - 1) == "camera" and self.word(at - 2) == "the"
        return is_camera and verb_base(self.word(at)) in sections()["camera_move"]

    def is_surname(self, at: int) -> bool:
        """Whether the word, which no list has, ends a name: "john zorbs", "lady zorb", but not "the lady zorbs"."""
        is_titled = self.has(at - 1, "title") and not self.word(at).endswith("s")
        return self.has(at - 1, "first_name") or (is_titled and self.word(at - 2) not in {"a", "an"})

    def verb_fits_before(self, at: int) -> bool:
        """Whether what stands here fits behind a verb better than behind a noun: "and drinks from", "and plays"."""
        word = self.word(at)
        if not word or is_determiner(word):
            return True
        return WordClass.CLOSED in self.classes(at) and not (self.has(at, "auxiliary") or self.has(at, "conjunction"))

    def is_being(self, at: int) -> bool:
        """Whether the word is a noun for a person or an animal."""
        noun = find_noun(self.word(at))
        return noun is not None and noun.noun_class in BEINGS

    def is_finite(self, at: int) -> bool:
        """Whether a word outside of noun phrases is the verb of its clause, and not "dressed in" or "walking"."""
        form = verb_form(self.word(at))
        is_participle = form is VerbForm.PAST and self.has(at + 1, "preposition")
        return form not in {VerbForm.NONE, VerbForm.ING} and not is_participle

    def has_verb_behind(self, at: int) -> bool:
        """Whether a word that can only be a verb follows before the clause ends."""
        for place in range(at, self._count):
            word = self._words[place]
            if word in {".", "!", "?", ";"} or (self.has(place, "subordinator") and not self.has(place, "preposition")):
                return False
            if self.has(place, "auxiliary") or (WordClass.NOUN not in self._classes[place] and self.is_finite(place)):
                return True
        return False

    def next_verb(self, at: int) -> str:
        """The first verb from here, past auxiliaries and adverbs; "" if something else comes first."""
        for word in self._words[at : at + 4]:
            if verb_form(word) is not VerbForm.NONE:
                return word
            if word not in sections()["auxiliary"] and word not in sections()["adverb"]:
                break
        return ""

    def adds_as_well(self, at: int) -> bool:
        """Whether "as well as" ends here, which joins as "and" does."""
        return self.words(max(0, at - 2), at + 1) == ("as", "well", "as")

    def can_act(self, at: int) -> bool:
        """Whether what follows "can" may be its verb: "can run", but not "a trash can."."""
        return bool(self.next_verb(at)) or WordClass.UNKNOWN in self.classes(at) or self.has(at, "pronoun")

    def is_hedged(self, at: int) -> bool:
        """Whether a phrase here says with care what is seen: "what appears to be a barn", "what looks like a barn"."""
        start = at
        while start and (self.has(start - 1, "auxiliary") or self.word(start - 1) in _HEDGES):
            start -= 1
        return start < at and self.word(start - 1) == "what"

    def opens_topic(self, at: int) -> bool:
        """Whether this preposition names a topic or a role; what a video is about, it shows."""
        described = find_noun(self.word(at - 1))
        is_medium = described is not None and described.noun_class is NounClass.MEDIA
        if not self.has(at, "topic_preposition") or (is_medium and not self.opens_question(at + 1)):
            return False
        if self.is_hedged(at + 1):
            return False
        behind = self.word(at - 2 if self.word(at - 1) in {"up", "out"} else at - 1)
        if self.word(at) == "as":
            return verb_base(behind) in sections()["role"]  # "dressed as", but not "as a dog barks"
        return self.word(at) != "like" or verb_form(behind) is not VerbForm.NONE  # "sings like", but not "things like"

    def opens_question(self, at: int) -> bool:
        """Whether a clause begins that says what is talked about: "how dogs bark"; "how to" is demonstrated."""
        return self.word(at) in {"how", "what", "why", "whether"} and self.word(at + 1) != "to"

    def _joins_adjectives(self, at: int) -> bool:
        if self.word(at) == ",":
            return self.is_adjective(at + 1) or self.word(at + 1) == "and"
        return self.word(at) == "and" and self.is_adjective(at + 1)
