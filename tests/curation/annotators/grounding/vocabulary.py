"""A vocabulary for a tiny BERT."""

_WORDS = ("man", "old", "dog", "a", "in", "red", "skate", "##board", "##er", "##s", "[", "]", "cls", "sep", "the", "i")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY_SIZE = 1100


def vocabulary() -> dict[str, int]:
    """As large as needed for the ids that GroundingDINO takes for ends of phrases: those of bert-base-uncased."""
    fixed = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    pieces = dict.fromkeys((*_WORDS, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)))
    free = (number for number in range(200, VOCABULARY_SIZE) if number not in fixed.values())
    known = fixed | dict(zip(pieces, free, strict=False))
    unused = (number for number in range(VOCABULARY_SIZE) if number not in set(known.values()))
    return known | {f"[unused{number}]": number for number in unused}
