"""What a clip of the subject is, and a picture of it: limits, and the rules that are made of them."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Protocol, runtime_checkable

from curation.rules import About, Bound, Rule
from storage.configs import strict
from storage.numbers import expect_at_least, expect_share

STAGE: Final = "subject"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectConfig:
    """Which clips show the subject, and which pictures of it are kept.

    Attributes:
        min_likeness: of a clip's subject to the pictures, by the encoder in use; None takes the encoder's own limit.
        min_short_side: of a picture, pixels; as curation asks of subjects, whose pictures these are.
        min_sharpness: of a picture, least variance of the Laplacian; as curation asks, too.
        min_difference: of two pictures, mean difference of their pixels on 32 x 32, [0, 1]; below it they are doubles,
            and the smaller one is left out. Our choice: in six clips of DAVIS a copy of a third of the size, as JPEG
            of quality 40, differs by 0.023 to 0.045 (0.088 where motion blurs it), and the same subject a fifth of a
            second later by 0.051 to 0.34.
        min_frame_difference: the same for the middle frames of two clips: below it one clip is the other once more.
            Our choice: there a copy differs by 0.006 at most, and the next frame by 0.023 at least.
        references: most pictures of the subject that are chosen.
        other_faces: of people beside the subject: `blur` the faces in their pictures, or `leave_out` the pictures.
            Pictures of their faces alone are left out always. The videos stay as they are.
    """

    min_likeness: float | None = None
    min_short_side: int = 48
    min_sharpness: float = 5.0
    min_difference: float = 0.05
    min_frame_difference: float = 0.02
    references: int = 12
    other_faces: Literal["blur", "leave_out"] = "blur"

    def __post_init__(self) -> None:
        if self.min_likeness is not None and not -1 <= self.min_likeness <= 1:
            raise ValueError(f"min_likeness is {self.min_likeness}, expected a cosine, -1 to 1")
        expect_share("subject", self, "min_difference", "min_frame_difference")
        expect_at_least(0, "subject", self, "min_short_side", "min_sharpness")
        expect_at_least(1, "subject", self, "references")


@runtime_checkable
class TellsSubjectsApart(Protocol):
    """What a `CutoutEncoder` may add that knows from where on two pictures show one subject."""

    same_subject: ClassVar[float]


def limit_of(config: SubjectConfig, encoder: object) -> float:
    """The least likeness of the subject.

    Raises:
        ValueError: neither the config nor the encoder has one.
    """
    if config.min_likeness is not None:
        return config.min_likeness
    if isinstance(encoder, TellsSubjectsApart):
        return encoder.same_subject
    raise ValueError(
        f"{type(encoder).__name__} does not say from which likeness on two pictures show one subject; give "
        "--subject.min-likeness"
    )


def subject_rules(config: SubjectConfig, limit: float) -> tuple[Rule, ...]:
    """All of them, in the order in which they are held against what was found."""
    return (*clip_rules(config, limit), *picture_rules(config))


def clip_rules(config: SubjectConfig, limit: float) -> tuple[Rule, ...]:
    """What a clip is left out for."""
    larger = "give videos in which it is larger, or allow small pictures: --subject.min-short-side 32"
    sharper = "give sharper videos, or allow blurred pictures: --subject.min-sharpness 2"
    return (
        Rule(
            code="another_subject",
            reads="namesakes",
            bound=Bound.AT_LEAST,
            limit=1,
            sentence="no word of it that can be the subject has a {compared} ({words})",
            plain="another kind of subject",
            advice="write captions that call it by a word of its kind; or hold every subject against it: --word ''",
        ),
        Rule(
            code="another_subject",
            reads="likeness_to_subject",
            bound=Bound.AT_LEAST,
            limit=limit,
            sentence="{word!r} has likeness {value:.3f} to the pictures, below {limit:g}",
            plain="another subject",
            advice="give pictures of it as these clips show it: from that side, in that light; or lower "
            "--subject.min-likeness",
        ),
        Rule(
            code="too_small",
            reads="subject_short_side",
            bound=Bound.AT_LEAST,
            limit=config.min_short_side,
            sentence="its largest picture has a short side of {value} px, below {limit:g}",
            plain="too small",
            advice=larger,
        ),
        Rule(
            code="blurred",
            reads="subject_sharpness",
            bound=Bound.AT_LEAST,
            limit=config.min_sharpness,
            sentence="its sharpest picture has sharpness {value:.1f}, below {limit:g}",
            plain="blurred",
            advice=sharper,
        ),
        Rule(
            code="double",
            reads="frame_difference",
            bound=Bound.AT_LEAST,
            limit=config.min_frame_difference,
            sentence="its middle frame differs by {value:.3f} from that of clip {nearest_clip}, below {limit:g}",
            plain="the same clip again",
            advice="nothing: the other one is there; or keep both: --subject.min-frame-difference 0",
        ),
    )


def picture_rules(config: SubjectConfig) -> tuple[Rule, ...]:
    """What a picture of the subject is left out for; the clip stays as long as one is left in it."""
    limits: tuple[tuple[str, str, float, str, str], ...] = (
        ("too_small", "short_side", config.min_short_side, "{value} px", "too small"),
        ("blurred", "sharpness", config.min_sharpness, "{value:.1f}", "blurred"),
        ("double", "difference", config.min_difference, "{value:.3f}", "like another picture of it"),
    )
    return tuple(
        Rule(
            code=code,
            reads=reads,
            bound=Bound.AT_LEAST,
            limit=limit,
            sentence=f"{reads.replace('_', ' ')} {form} < {{limit:g}}",
            plain=plain,
            about=About.REFERENCE_IMAGE,
        )
        for code, reads, limit, form, plain in limits
    )
