"""The law of decisions: a stored row, held against other limits, is decided as a run with these limits decides it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.protocols import CONTENT_CLASSES, FaceBox, Painted
from curation.decisions import decide, decide_stage
from curation.execution.outcomes import rejected
from curation.records import Clip, LocatedEntity
from curation.rules import Policy
from curation.stage import Resources, Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter
from dataset_schema import Annotator, Entity, EntityKind, Reason, Sample
from tests.curation.moving_scenes import clip_of, still_frames
from tests.curation.scripted_faces import ScriptedFaces
from tests.curation.stages.test_background import ScriptedInpainter
from tests.curation.stages.test_content_filter import BrightnessClassifier
from tests.curation.stages.test_reference_images import BLUE, HEIGHT, RED, WIDTH, box_mask
from tests.curation.stages.test_single_shot import ScriptedDetector
from tests.made_media import media_facts

MASKS = (
    box_mask(40, 30, 160, 150),
    box_mask(60, 40, 110, 90),
    box_mask(0, 0, 90, 120),
    box_mask(20, 20, 60, 190) | box_mask(200, 20, 230, 60),
)


class ScriptedLeak:
    """Finds the same in every background."""

    def describe(self) -> Annotator:
        return Annotator(job="leaks", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None: ...

    def leaks(self, painted: Sequence[Painted]) -> list[float]:
        return [0.2] * len(painted)


def stages(config: ReferenceImagesConfig, max_leak: float, threshold: float) -> list[Stage]:
    faces = ScriptedFaces(FaceBox(10, 10, 60, 60, 0.6), FaceBox(70, 10, 120, 70, 0.4))
    return [
        SingleShotFilter(SingleShotConfig(threshold=threshold), ScriptedDetector([0.4] * 9)),
        ReferenceImages(config, faces, HistogramEncoder()),
        BackgroundPicture(BackgroundConfig(max_leak=max_leak), ScriptedInpainter(), ScriptedLeak()),
    ]


@st.composite
def configs(draw: st.DrawFn) -> ReferenceImagesConfig:
    """Mostly without limits, so that every limit now and then decides alone."""

    def limit(off: float, *values: float) -> float:
        return draw(st.sampled_from([off, off, *values]))

    return ReferenceImagesConfig(
        min_area=limit(0.0, 0.05, 0.15),
        min_short_side=int(limit(0, 45, 80)),
        min_object_area=limit(0.0, 0.05, 0.15),
        min_object_short_side=int(limit(0, 45, 80)),
        min_largest_fragment=limit(0.0, 0.9),
        min_fill=0.0,
        max_border_contact=limit(1.0, 0.1),
        max_overlap=limit(1.0, 0.3),
        min_agreement=limit(0.0, 0.5, 0.9),
        min_frames=int(limit(1, 2, 3)),
        min_likeness=limit(0.0, 0.5, 0.8),
        max_likeness=limit(1.0, 0.95),
        min_face_score=limit(0.0, 0.5, 0.7),
        min_face_side=int(limit(0, 55)),
        min_face_sharpness=limit(0.0, 3.0, 8.0),
        min_face_inside=limit(0.0, 0.5, 0.9),
    )


@st.composite
def clips(draw: st.DrawFn) -> Clip:
    """Two words in up to three frames, some of them from outside the clip."""
    second = draw(st.sampled_from([("dog", EntityKind.SUBJECT), ("ball", EntityKind.OBJECT)]))
    words = dict([("woman", EntityKind.SUBJECT), second])
    inside = draw(st.integers(0, 2))
    clip = clip_of(still_frames(*draw(st.permutations([RED, RED, BLUE]))), **words)
    assert clip.frames is not None
    frames = tuple(
        replace(frame, is_outside=bool(inside) and index >= inside)
        for index, frame in enumerate(clip.frames.reference_frames)
    )
    places = draw(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=2, max_size=6))
    located = tuple(
        LocatedEntity(
            word_index=word,
            reference_index=frame,
            mask=draw(st.sampled_from(MASKS)),
            detection_score=draw(st.sampled_from([0.5, 0.9])),
            mask_score=0.8,
        )
        for word, frame in sorted(places)
    )
    seen = replace(
        clip.frames,
        reference_frames=frames,
        thumbnails=np.zeros((10, 27, 48, 3), np.uint8),
        times_s=np.arange(10.0),
    )
    clip = replace(clip, frames=seen, located=located, media=media_facts(width=WIDTH, height=HEIGHT))
    return clip.with_scores(
        reference_frames=3 - inside, comparison_frames=inside, subject_confidence=0.7 if located else 0.0
    )


def run(clip: Clip, stages: Sequence[Stage]) -> Clip:
    """What a run makes of the clip, all stages scoring it."""
    for stage in stages:
        (scored,) = stage.score([clip])
        decided, reasons = decide_stage(stage, scored)
        clip = replace(decided, reasons=(*decided.reasons, *reasons))
    return clip


def codes(reasons: Sequence[Reason]) -> list[tuple[str, str]]:
    return [(reason.stage, reason.reason) for reason in reasons]


def policy_of(stages: Sequence[Stage]) -> Policy:
    return {stage.name: stage.rules for stage in stages}


def kept_places(entities: Sequence[Entity] | None) -> list[list[int]]:
    return [[reference.place for reference in entity.references] for entity in entities or ()]


def good_places(row: Clip | Sample, stages: Sequence[Stage]) -> list[list[int]]:
    flaws = decide(row, policy_of(stages)).flaws
    return [
        sorted(
            picture.place
            for picture in (*entity.references, *entity.rejected_references)
            if not picture.is_for_comparison and not flaws.get(index, {}).get(picture.place)
        )
        if index in flaws
        else []
        for index, entity in enumerate(row.entities or ())
    ]


@given(clip=clips(), one=configs(), other=configs(), leak=st.sampled_from([0.1, 0.3]), cut=st.sampled_from([0.3, 0.5]))
@settings(max_examples=100)
def test_a_row_is_decided_again_as_a_run_with_the_other_limits_decides(
    clip: Clip, one: ReferenceImagesConfig, other: ReferenceImagesConfig, leak: float, cut: float
) -> None:
    stored = run(clip, stages(one, max_leak=0.25, threshold=0.45))
    wanted = stages(other, max_leak=leak, threshold=cut)
    expected = run(clip, wanted)

    for row in (stored, rejected(stored)) if stored.reasons else (stored,):
        found = decide(row, policy_of(wanted))

        assert codes(found.reasons) == codes(expected.reasons)
    if expected.scores.subject_confidence:
        assert good_places(stored, wanted) == kept_places(expected.entities)
    assert decide(stored, policy_of(wanted)).background is None or expected.background is not None


def test_the_same_limits_decide_the_same() -> None:
    scored = clip_of(still_frames(RED), dog=EntityKind.SUBJECT).with_scores(
        shot_change=0.6, **dict.fromkeys(CONTENT_CLASSES, 0.2)
    )
    policy = policy_of(
        [
            SingleShotFilter(SingleShotConfig(), ScriptedDetector([])),
            ContentFilter(ContentFilterConfig(min_desirable=0.5), BrightnessClassifier()),
        ]
    )

    reasons = decide(scored, policy).reasons

    assert codes(reasons) == [
        ("single_shot_filter", "several_shots"),
        ("content_filter", "low_desirable_score"),
    ]
    assert decide(rejected(replace(scored, reasons=reasons)), policy).reasons == reasons
