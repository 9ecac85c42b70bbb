"""A face detector that does as it is told."""

from curation.annotators.protocols import FaceBox
from curation.records import Image
from curation.stage import Resources
from dataset_schema import Annotator


class ScriptedFaces:
    """Finds the given faces in every picture, and counts the pictures."""

    def __init__(self, *faces: FaceBox) -> None:
        self._faces = list(faces)
        self.calls = 0

    def describe(self) -> Annotator:
        return Annotator(job="faces", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def detect(self, image: Image) -> list[FaceBox]:
        self.calls += 1
        return self._faces
