"""Which clips show the subject: clips whose subjects are known by their colors."""

from collections.abc import Sequence

import numpy as np
import pytest

from curation.annotators.faces import BlazeFaceConfig
from curation.one_subject.finding import Looks, find_subject, likeness_of, may_mean
from curation.one_subject.rules import SubjectConfig, limit_of
from curation.one_subject.search import Found, Search
from dataset_schema import EntityKind, FailureKind
from tests.curation.one_subject.made_samples import HEIGHT, WIDTH, Made, MeanColor, cutout, frame, reference

BROWN, GRAY, RED = (150, 100, 50), (120, 120, 120), (200, 30, 30)
ENCODER = MeanColor()
LOOKS = Looks(ENCODER.encode([cutout(BROWN, seed=7)]), ENCODER, word="dog")


def search(clips: Sequence[Made], *, frames: dict[int, int | None] | None = None, **limits: float) -> Found:
    """The clips searched for the brown dog; `frames` are the seeds of their middle frames, None for a broken video."""
    config = SubjectConfig(**limits)  # type: ignore[arg-type]
    found = Search(LOOKS, config, limit_of(config, ENCODER), BlazeFaceConfig().build())
    for clip in clips:
        finding = found.find(clip.sample)
        if finding is not None:
            seed = (frames or {}).get(clip.number, clip.number)
            found.add(clip.sample, finding, None if seed is None else frame(seed))
    return found.decide()


def dog(number: int, color: tuple[int, int, int] = BROWN, **size: int) -> Made:
    return Made(number=number, words={"dog": [reference(cutout(color, seed=number, **size))]})


def reasons(found: Found, number: int) -> list[tuple[str, str]]:
    return [(reason.reason, reason.detail) for reason in found.reasons[f"{number:032x}"]]


def test_a_clip_is_kept_by_the_word_that_is_most_like_the_subject() -> None:
    clip = Made(
        number=1,
        words={"puppy": [reference(cutout(GRAY))], "dog": [reference(cutout(GRAY)), reference(cutout(BROWN), place=1)]},
    )

    found = search([clip, dog(2, RED)])

    (kept,) = found.kept.values()
    assert (kept.finding.word, kept.finding.entity, kept.finding.namesakes) == ("dog", 1, 2)
    assert set(found.reasons) == {f"{2:032x}"}


def test_another_subject_is_told_by_score_and_limit() -> None:
    (reason,) = reasons(search([dog(1), dog(2, GRAY)]), 2)

    gray = np.array(GRAY) / np.linalg.norm(GRAY)
    by_hand = gray @ np.array(BROWN) / np.linalg.norm(BROWN)
    assert by_hand == pytest.approx(0.926, abs=0.001)
    assert reason[0] == "another_subject"
    assert reason[1].startswith("'dog' has likeness 0.9")
    assert float(reason[1].split("likeness ")[1].split()[0]) == pytest.approx(by_hand, abs=0.01)
    assert reason[1].endswith("to the pictures, below 0.95")


def test_words_of_another_kind_are_not_held_against_it() -> None:
    man = Made(number=1, words={"man": [reference(cutout(BROWN))]})

    found = search([man, dog(2)])

    assert reasons(found, 1) == [("another_subject", "no word of it that can be the subject has a picture ('man')")]
    assert found.likeness.keys() == {f"{2:032x}"}
    assert find_subject(man.sample, LOOKS._replace(word="")).likeness == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("subject", "word", "may"),
    [("dog", "brown puppy", True), ("dog", "cat", False), ("dog", "zorb", True), ("", "cat", True)],
)
def test_a_word_may_mean_the_subject_unless_both_have_classes_that_differ(subject: str, word: str, may: bool) -> None:
    assert may_mean(subject, word) is may


def test_likeness_is_that_of_the_two_pictures_that_are_most_alike() -> None:
    pictures, clip = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[0.8, 0.6], [0.0, 1.0]])

    assert likeness_of(clip, pictures) == pytest.approx(0.8 * 0.6 + 0.6 * 0.8)


def test_backgrounds_are_no_subjects() -> None:
    clip = Made(number=1, words={"meadow": [reference(cutout(BROWN))]}, kinds={"meadow": EntityKind.BACKGROUND})

    assert find_subject(clip.sample, LOOKS._replace(word="")).entity is None


def test_clips_whose_best_picture_is_too_small_or_blurred_are_left_out() -> None:
    smooth = np.dstack([np.full((100, 140), value, np.uint8) for value in (*BROWN, 255)])
    blurred = Made(number=3, words={"dog": [reference(smooth)]})

    found = search([dog(1), dog(2, height=40, width=90), blurred])

    assert list(found.kept) == [f"{1:032x}"]
    assert reasons(found, 2) == [("too_small", "its largest picture has a short side of 40 px, below 48")]
    assert reasons(found, 3) == [("blurred", "its sharpest picture has sharpness 0.0, below 5")]


def test_of_a_clip_and_the_same_once_more_the_larger_stays() -> None:
    small, large = dog(1), Made(number=2, words=dog(1).words, size=(2 * HEIGHT, 2 * WIDTH))

    found = search([small, large, dog(3)], frames={1: 5, 2: 5, 3: 6})

    assert set(found.kept) == {f"{2:032x}", f"{3:032x}"}
    ((code, detail),) = reasons(found, 1)
    assert code == "double"
    assert detail == f"its middle frame differs by 0.000 from that of clip {2:032x}, below 0.02"


def test_a_clip_whose_video_gives_no_frame_has_failed() -> None:
    found = search([dog(1), dog(2)], frames={1: None, 2: 2})

    (failed,) = found.failed.values()
    assert (failed.clip_id, failed.kind, failed.stage) == (f"{1:032x}", FailureKind.CORRUPT, "subject")
    assert list(found.kept) == [f"{2:032x}"]


def test_every_clip_is_kept_rejected_or_failed_once_in_whatever_order_they_come() -> None:
    clips = [dog(1), dog(2, GRAY), dog(3, height=30), dog(4), dog(5, RED), dog(6)]
    frames: dict[int, int | None] = {1: 9, 4: 9, 6: None}

    found, turned = search(clips, frames=frames), search(clips[::-1], frames=frames)

    ends = [*found.kept, *found.reasons, *found.failed]
    assert sorted(ends) == [f"{number:032x}" for number in range(1, 7)]
    assert list(found.kept) == list(turned.kept)
    assert found.reasons == turned.reasons
    assert [picture.clip_id for picture in found.chosen] == [picture.clip_id for picture in turned.chosen]


def test_strangers_are_told_with_the_most_alike_first() -> None:
    found = search([dog(1), dog(2, RED), dog(3, GRAY)])

    assert [stranger.finding.clip_id for stranger in found.strangers] == [f"{3:032x}", f"{2:032x}"]


def test_an_encoder_without_a_limit_of_its_own_needs_one() -> None:
    with pytest.raises(ValueError, match=r"object does not say .* give --subject\.min-likeness"):
        limit_of(SubjectConfig(), object())
    assert limit_of(SubjectConfig(min_likeness=0.5), object()) == 0.5
