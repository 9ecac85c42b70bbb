"""An annotator of one's own: a locator that finds whatever a word calls red, in the place of the embedded one."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from curation.annotators.protocols import Scene
from curation.execution.local import LocalExecutor
from curation.execution.run import CurationRun, RunResult, run_curation
from curation.profiles import CurationConfig, build_stages
from curation.records import LocatedEntity
from curation.sources import SourcesConfig, read_sources
from curation.stage import Resources
from curation.stages.entity_masks import EntityMasks
from dataset_schema import Annotator


class RedThings:  # what `EntityLocator` asks for
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


def curate(videos: Path, dataset: Path, config: CurationConfig) -> RunResult:
    own = EntityMasks(config.entity_masks, RedThings())
    stages = [own if stage.name == own.name else stage for stage in build_stages(config)]
    run = CurationRun(stages=stages, output=dataset, profile="own", config={})
    return run_curation(read_sources(videos, SourcesConfig()), run, executor=LocalExecutor())
