"""Entity words (A.2): the instruction of Figure 7, the ladder that reads its answers, and the rules that judge them.

`rules.py` puts them together; `parse.py`, `locate.py`, `kinds.py`, `denial.py`, `quotes.py`, `number.py` and
`newcomers.py` hold one rule each, `word_lists.py` the word lists they share, `phrases.py` and `tokens.py` the little
grammar they need. Where a word stands in a caption is `dataset_schema.words`' to say, as in prompts. `looks.py` says
what a caption tells of a word's colors and side, `object_classes.py` what a detector of fixed classes can be asked.
"""

from curation.entity_words.instruction import entity_word_instruction
from curation.entity_words.rules import Answer, CheckedAnswer, Problem, Violation, check_answer

__all__ = ["Answer", "CheckedAnswer", "Problem", "Violation", "check_answer", "entity_word_instruction"]
