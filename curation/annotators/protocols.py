"""What stages ask of annotators. A test passes a scripted one; a profile passes a real one."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from curation.entity_words import Answer
from curation.given import GivenMask
from curation.records import Cutout, EntityWord, Frames, Image, LocatedEntity, Mask, ReferenceFrame, Video
from curation.stage import Resources
from dataset_schema import Annotator

# The order of the classes in `ContentClassifier.classify` (A.1); the names are those of `dataset_schema.Scores`.
CONTENT_CLASSES = ("desirable", "still_foreground", "slight_motion", "screen_in_screen", "screen_recording")


class AnnotatorLike(Protocol):
    """What every annotator can do: say what it is, without loading itself."""

    def describe(self) -> Annotator:
        """Its name and weights.

        Raises:
            FileNotFoundError: the weights are missing.
        """
        ...

    @property
    def resources(self) -> Resources:
        """What a worker needs to run it, and how many clips it likes at once."""
        ...

    def load(self) -> None:
        """Load the weights; idempotent."""
        ...


class ShotDetector(AnnotatorLike, Protocol):
    """Finds shot changes (A.1)."""

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """For every frame of (frames, 27, 48, 3): the probability that a shot change lies between it and the next."""
        ...


class ContentClassifier(AnnotatorLike, Protocol):
    """Tells desirable videos from the four undesirable kinds (A.1)."""

    def classify(self, videos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Probabilities (batch, 5), in the order of CONTENT_CLASSES, of (batch, 16, 224, 224, 3)."""
        ...


class InsetFinder(AnnotatorLike, Protocol):
    """Finds pictures laid over a video: what makes it screen in screen (A.1)."""

    def find(self, clips: Sequence[Frames]) -> list[bool]:
        """Whether each clip surely shows one; where it does not, there may be one all the same."""
        ...


class EntityWordExtractor(AnnotatorLike, Protocol):
    """Answers the instruction of Figure 7."""

    def extract(self, captions: Sequence[str]) -> Sequence[Answer]:
        """One answer per caption, not yet checked: words with their places, or raw text in Figure 7's format."""
        ...


class Captioner(AnnotatorLike, Protocol):
    """Says in a sentence or two what clips show."""

    def caption(self, videos: Sequence[Video]) -> list[str]:
        """One caption per clip, from frames in their true proportions; empty where there is nothing to say."""
        ...


class Scene(NamedTuple):
    """The reference frames of one clip, the words whose entities they may show, and the caption that has them.

    Attributes:
        given: the masks that came with the clip.
    """

    frames: Sequence[ReferenceFrame]
    words: Sequence[EntityWord]
    caption: str = ""
    given: Sequence[GivenMask] = ()


class EntityLocator(AnnotatorLike, Protocol):
    """Finds the entities that words name (3.1)."""

    @property
    def reads_words(self) -> bool:
        """Whether what it finds depends on what the words say; one that does not finds something else just as well."""
        ...

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """For every scene the masks of its words' entities; nothing for what is not found."""
        ...


@runtime_checkable
class KnowsItsLimits(Protocol):
    """What an `EntityLocator` may add that does not look for every word, so that `explain` can say so."""

    def cannot_find(self, word: EntityWord) -> str | None:
        """Why it does not look for a word, such as "no detector class"; None if it does. Needs no `load`."""
        ...


class ObjectCandidates(NamedTuple):
    """What a detector of fixed classes sees in one picture, whatever is asked for.

    Attributes:
        boxes: (candidates, 4), pixels x0, y0, x1, y1 within the picture; overlapping ones are still all there, because
            which of them is the best depends on the class that is asked for.
        scores: (candidates, classes), how sure it is of each class, [0, 1].
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]


class ObjectDetector(AnnotatorLike, Protocol):
    """Finds objects of a fixed list of classes."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the scores."""
        ...

    def detect(self, images: Sequence[Image]) -> list[ObjectCandidates]:
        """The candidates of each picture."""
        ...


class CutoutEncoder(AnnotatorLike, Protocol):
    """Turns pictures of entities into vectors whose cosine says how alike the entities are."""

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """Vectors (cutouts, features) of length one."""
        ...


class FaceBox(NamedTuple):
    """A detected face: pixels `[x0, x1) x [y0, y1)` and a score in [0, 1]."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


class FaceDetector(AnnotatorLike, Protocol):
    """Finds faces (3.1)."""

    def detect(self, image: Image) -> list[FaceBox]:
        """The faces of one picture, best first."""
        ...


class Hole(NamedTuple):
    """A picture, what to paint over, and the caption's background word if it has one: what to paint there."""

    image: Image
    mask: Mask
    background_word: str | None = None


class Inpainter(AnnotatorLike, Protocol):
    """Paints regions out (3.1)."""

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        """The pictures with the masked pixels replaced; pixels outside the masks stay as they are."""
        ...


class Painted(NamedTuple):
    """A frame that entities were painted out of.

    Attributes:
        frame: as it was.
        image: with the hole filled.
        entities: where they were.
        hole: what was painted over, at least the entities.
        subject_words: what must not be found in it any more.
    """

    frame: ReferenceFrame
    image: Image
    entities: Mask
    hole: Mask
    subject_words: Sequence[EntityWord]


class LeakCheck(AnnotatorLike, Protocol):
    """Looks for entities in backgrounds."""

    def leaks(self, painted: Sequence[Painted]) -> list[float]:
        """For each how much of its entities is left, in [0, 1]; 0 is clean."""
        ...
