"""Which pictures go with a clip, and captions that name them: cases by hand, and laws."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_schema import EntityKind, Sample
from exports.binding import Bound, WordsConfig, bind, ranked
from exports.grids import FrameGrid
from exports.naming import described
from exports.refusal import Reason, Refused
from exports.target import CaptionForm, Target
from tests.exports.made_clips import BLUE, CAPTION, RED, cutout, entity, make_sample, reference

ALL = Target(grid=FrameGrid(), most_references=9, forms=tuple(CaptionForm))
SAMPLE = make_sample(video=b"not looked at")


def bound(form: CaptionForm, sample: Sample = SAMPLE, *, most: int = 9, **config: int | bool) -> Bound:
    target = replace(ALL, most_references=most)
    return bind(sample, target, WordsConfig(captions=form, **config))  # type: ignore[arg-type]


def words(found: Bound) -> list[str]:
    return ["" if each.entity is None else each.entity.word for each in found.pictures]


def with_words(caption: str, *named: str) -> Sample:
    entities = tuple(entity(caption, word, reference(cutout(RED))) for word in named)
    return replace(SAMPLE, caption=caption, entities=entities)


def test_pictures_come_in_the_order_of_the_caption_and_words_without_any_are_not_promised() -> None:
    found = bound(CaptionForm.PICTURES)

    assert words(found) == ["woman", "dog"]
    assert found.caption == ("A woman (<Picture 1>) in a red coat walks her dog (<Picture 2>) along the beach.")


def test_the_caption_as_it_was_written() -> None:
    assert bound(CaptionForm.AS_WRITTEN).caption == CAPTION


def test_the_sections_of_h3_define_every_subject_once_by_its_picture() -> None:
    assert bound(CaptionForm.SECTIONS).caption == (
        "subject_definitions:\n<Subject 1> is the woman in <Picture 1>.\n<Subject 2> is the dog in <Picture 2>.\n\n"
        "summary:\n[reference generation] The target video shows <Subject 1> and <Subject 2>.\n\n"
        "retention_analysis:\n"
        "<Subject 1> (appears in [Shot 1]): fully_preserved - the woman looks as in <Picture 1>.\n"
        "<Subject 2> (appears in [Shot 1]): fully_preserved - the dog looks as in <Picture 2>.\n\n"
        "detailed_description:\n"
        "[Shot 1] A woman (<Subject 1>) in a red coat walks her dog (<Subject 2>) along the beach.\n\n"
        "overall_soundscape:\nN/A\n\nnon_diegetic_music:\nN/A"
    )


def test_images_are_declared_then_used_and_a_single_one_needs_no_name() -> None:
    assert bound(CaptionForm.IMAGES).caption == (
        "<Image 1> is the woman. <Image 2> is the dog. "
        "A woman (<Image 1>) in a red coat walks her dog (<Image 2>) along the beach."
    )
    assert bound(CaptionForm.IMAGES, most=1).caption == CAPTION


def test_several_pictures_of_one_entity_and_the_background_are_named() -> None:
    found = bound(CaptionForm.PICTURES, references_per_entity=2, background=True)

    assert found.caption == (
        "A woman (<Picture 1> and <Picture 2>) in a red coat walks her dog (<Picture 3>) along the beach (<Picture 4>)."
    )


def test_a_second_name_leads_to_the_same_picture() -> None:
    caption = "A woman sits down. The person smiles."
    woman, person = entity(caption, "woman", reference(cutout(RED))), entity(caption, "person")
    sample = replace(SAMPLE, caption=caption, entities=(woman, replace(person, same_as="woman")))

    found = bound(CaptionForm.PICTURES, sample)

    assert found.caption == "A woman (<Picture 1>) sits down. The person (<Picture 1>) smiles."
    assert len(found.pictures) == 1


def test_where_a_reader_takes_few_objects_are_left_out_before_subjects() -> None:
    mug = entity(CAPTION, "red coat", reference(cutout(RED)), kind=EntityKind.OBJECT)
    sample = replace(SAMPLE, entities=(SAMPLE.entities[0], mug, SAMPLE.entities[2]))

    assert words(bound(CaptionForm.PICTURES, sample, most=2)) == ["woman", "dog"]
    assert words(bound(CaptionForm.PICTURES, sample, most=3)) == ["woman", "red coat", "dog"]
    assert words(bound(CaptionForm.AS_WRITTEN, sample, most=1)) == ["woman"]


def test_two_of_one_word_are_told_apart_by_what_describes_them() -> None:
    sample = with_words("A tall man greets a bald man at the door.", "man")
    second = replace(sample.entities[0], start=sample.caption.rindex("man"), end=sample.caption.rindex("man") + 3)
    sample = replace(sample, entities=(sample.entities[0], second))

    found = bound(CaptionForm.IMAGES, sample)

    assert found.caption.startswith(
        "<Image 1> is the tall man. <Image 2> is the bald man. A tall man (<Image 1>) greets"
    )


def test_two_that_would_be_called_alike_are_refused_where_the_name_is_all_there_is() -> None:
    caption = "A man greets a man at the door."
    first, second = (replace(entity(caption, "man", reference(cutout(c)))) for c in (RED, BLUE))
    at = caption.rindex("man")
    sample = replace(SAMPLE, caption=caption, entities=(first, replace(second, start=at, end=at + 3)))

    with pytest.raises(Refused, match="'man' would be the name of two") as caught:
        bound(CaptionForm.SECTIONS, sample)

    assert caught.value.reason is Reason.SAME_DESCRIPTION
    in_place = bound(CaptionForm.PICTURES, sample).caption
    assert in_place == "A man (<Picture 1>) greets a man (<Picture 2>) at the door."


def test_rows_that_cannot_be_bound_are_refused() -> None:
    for sample, reason in (
        (replace(SAMPLE, entities=(), caption="A beach."), Reason.NO_PICTURES),
        (replace(SAMPLE, entities=(), caption="  "), Reason.NO_CAPTION),
        (with_words("A woman like <picture 1> smiles.", "woman"), Reason.TAG_IN_CAPTION),
    ):
        with pytest.raises(Refused) as caught:
            bound(CaptionForm.PICTURES, sample)
        assert caught.value.reason is reason


def test_pictures_from_another_time_than_the_clip_come_first_then_whole_ones_then_large_ones() -> None:
    sample = replace(SAMPLE, source=replace(SAMPLE.source, start_s=10.0, end_s=15.0))
    inside, outside = reference(cutout(RED), time_s=12.0, area=0.5), reference(cutout(RED), time_s=20.0, area=0.1)
    face, large = reference(cutout(RED), time_s=11.0, is_face=True), reference(cutout(RED), time_s=13.0, area=0.6)

    assert ranked([face, inside, large, outside], sample) == [outside, large, inside, face]


@pytest.mark.parametrize(
    ("caption", "word", "name"),
    [
        ("A brown and white dog runs.", "dog", "white dog"),
        ("A grey-haired chef talks.", "chef", "grey-haired chef"),
        ("A girl in a blue skirt and a boy jump.", "boy", "boy"),
        ("Yesterday, man met dog.", "man", "man"),
        ("Dog runs.", "Dog", "Dog"),
        ("He sees, tall and slim, the very old tired man.", "man", "very old tired man"),
    ],
)
def test_a_name_is_the_word_with_what_describes_it(caption: str, word: str, name: str) -> None:
    start = caption.rindex(word)

    assert described(caption, start, start + len(word)) == name


NAMES = ("woman", "dog", "mug", "hat", "boy")


@given(st.lists(st.sampled_from(NAMES), unique=True, min_size=1), st.data())
def test_every_written_picture_is_named_and_no_other(order: list[str], data: st.DataObject) -> None:
    caption = "We see " + ", ".join(f"a {word}" for word in order) + "."
    pictured = [word for word in order if data.draw(st.booleans(), label=word)]
    sample = replace(
        SAMPLE,
        caption=caption,
        entities=tuple(
            entity(caption, word, *([reference(cutout(RED))] if word in pictured else [])) for word in reversed(order)
        ),
    )
    if not pictured:
        return

    for form, tag in ((CaptionForm.PICTURES, "Picture"), (CaptionForm.SECTIONS, "Picture")):
        found = bound(form, sample)

        assert words(found) == pictured
        assert {int(number) for number in re.findall(rf"<{tag} (\d+)>", found.caption)} == set(
            range(1, len(pictured) + 1)
        )
        last = found.caption.split("detailed_description:")[-1].split("\n\n")[0]
        for number, word in enumerate(pictured, start=1):
            assert f"{word} (<{'Picture' if form is CaptionForm.PICTURES else 'Subject'} {number}>)" in last
        assert caption in re.sub(r" \(<\w+ \d+>\)", "", found.caption)
