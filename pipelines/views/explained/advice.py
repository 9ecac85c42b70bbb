"""What somebody can do about a clip that was rejected or lost: one sentence per reason code and kind of failure."""

from typing import Final

from dataset_schema import FailureKind

_CAPTION: Final = "write the caption so that it"
_FILTER: Final = (
    "if that is wrong here, lower the limit: --curation.content-filter.min-desirable 0.1; the embedded filter is small "
    "and errs, docs/embedded.md says how often"
)
_PAPER: Final = "docs/paper_profile.md"

_BY_REASON: Final = {
    # decode, shot_frames
    "damaged": "repair or fetch the file again; a remux often helps: ffmpeg -i IN -c copy OUT",
    "too_long": "give a part of it: a manifest with the columns video, caption, start_s, end_s",
    "too_short": "give a longer clip, or allow it: --curation.buckets 9x144x256 --curation.decode.min-frames 9",
    "too_short_for_outside_references": "give a longer clip, or --curation.decode.reference-times within",
    "too_small": "give the video in its original size, or a smaller training size: --curation.buckets 17x80x144",
    "blank": "give a part of the video in which something can be seen",
    # single_shot_filter, split_shots
    "several_shots": "let curation cut it into its shots: --curation.several-shots split; or give the span of one shot",
    "no_shot": "give a part of the video without transitions",
    # content_filter
    "still_foreground": f"give footage in which something moves, not a picture that a camera pans over; {_FILTER}",
    "slight_motion": f"give footage with more motion; {_FILTER}",
    "screen_in_screen": f"crop the inset, the border or the overlay away; {_FILTER}",
    "screen_recording": f"give filmed footage instead of a recorded screen; {_FILTER}",
    "low_desirable_score": _FILTER,
    # entity_words, captions
    "no_caption": 'say in one sentence what the video shows: CAPTION="A dog runs on the beach."',
    "caption_too_long": "shorten the caption, or raise --curation.entity-words.max-caption-chars",
    "unparsable_answer": "the language model answered in another format; try again or use a larger model",
    "word_not_in_caption": "the language model named words that the caption lacks; try again or use a larger model",
    "no_subject_word": f"{_CAPTION} names a person, an animal or a vehicle that the video shows",
    "plural_subject_word": f"{_CAPTION} names each subject by itself: not 'two dogs' but 'a brown dog and a white dog'",
    "same_head_word": f"{_CAPTION} calls each subject by another noun: not 'a man and another man'",
    # entity_masks, reference_images
    "ambiguous_subject": f"{_CAPTION} tells the subject from its likes: 'the dog in a red collar'",
    "no_subject_located": "give a clip in which the subject is large and moves, with a caption that names only "
    f"that one; or let networks that read the word look for it: {_PAPER}",
    "no_usable_reference": "give a clip that shows the subject larger, sharper and whole; the limits are "
    "--curation.reference-images.*",
}

# The message of every other kind ends with what to do.
_BY_FAILURE: Final = {
    FailureKind.TIMEOUT: "run it again; a long or large video takes time, so give a part of it",
    FailureKind.MEMORY: "close other programs, or give a smaller or shorter video",
    FailureKind.CRASH: "give another file; this one kills the decoder",
    FailureKind.INTERNAL: "a defect of this program: please report it with the command and the video",
}


def advice_on_rejection(reason: str) -> str:
    """What to do about a reason code; empty for one that nobody has advice on."""
    return _BY_REASON.get(reason, "")


def advice_on_failure(kind: FailureKind) -> str:
    """What to do about a kind of failure; empty where the message says it."""
    return _BY_FAILURE.get(kind, "")
