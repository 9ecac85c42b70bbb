"""An annotator of one's own: it finds what a word calls red.  python examples/own_annotator.py VIDEOS OUTPUT"""

import sys
from collections.abc import Iterator, Sequence
from itertools import product

from curation import Resources, curate, embedded
from curation.annotators.protocols import Scene
from curation.records import LocatedEntity
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from dataset_schema import Annotator


class RedThings:
    """What `EntityLocator` asks for."""

    reads_words, resources = True, Resources()

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="red-things", revision="1")

    def load(self) -> None: ...

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        return [list(self._red_things(scene)) for scene in scenes]

    def _red_things(self, scene: Scene) -> Iterator[LocatedEntity]:
        for (word, named), (place, frame) in product(enumerate(scene.words), enumerate(scene.frames)):
            mask = frame.image[..., 0] > 2.0 * frame.image[..., 1:].max(axis=-1)
            if "red" in named.word.split() and mask.any():
                yield LocatedEntity(word_index=word, reference_index=place, mask=mask, detection_score=1, mask_score=1)


if __name__ == "__main__":
    own = EntityMasks(EntityMasksConfig(), RedThings())
    stages = [own if stage.name == own.name else stage for stage in embedded()]
    print(curate(sys.argv[1], stages, sys.argv[2]).counts)
