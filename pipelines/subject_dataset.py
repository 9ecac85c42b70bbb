"""The clips of one subject as a dataset of their own: found in a curated one, written with the best pictures of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from curation.annotators.protocols import FaceDetector
from curation.execution.outcomes import Outcome, passed_over
from curation.execution.writer import ShardLimits, ShardWriter
from curation.funnel import Counts, Ends
from curation.one_subject.other_faces import without_faces
from curation.one_subject.rules import STAGE, SubjectConfig
from curation.one_subject.search import Found, Search, ShownSubject
from curation.references.judging import scores_alone
from dataset_schema import (
    SCHEMA_VERSION,
    Annotator,
    DatasetManifest,
    Entity,
    Payload,
    Sample,
    Selection,
    dataset_root,
    expect_samples,
    given_picture,
    new_dataset_id,
    read_shard,
    shard_paths,
)
from pipelines.selection import finished_manifest, not_kept
from pipelines.views.sheet_pictures import Picture, frames_at
from pipelines.whole_dataset import whole_dataset, with_whole_video, write_head
from storage.address import Place

SCORE: Final = "likeness_to_subject"
WHAT: Final = "a dataset of one subject"

_LIMITS: Final = ShardLimits(target_bytes=64 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the head of the dataset says of the search.

    Attributes:
        where: by what the clips were chosen.
        annotator: which told that it is the subject.
    """

    where: str
    annotator: Annotator


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A dataset that was written.

    Attributes:
        rejected: clips that the search left out, by reason; those that curation had left out count elsewhere.
    """

    dataset: Path
    counts: Counts
    rejected: Mapping[str, int]


def search_dataset(dataset: Place, search: Search, on_clip: Callable[[], object] = lambda: None) -> Found:
    """Look through every clip that curation kept.

    Raises:
        FileNotFoundError: there is no dataset, or it has no clips.
        ValueError: it is damaged, or not finished.
    """
    finished_manifest(dataset)
    for path, _ in expect_samples(dataset):
        for sample in read_shard(path, Sample, whole=True):
            finding = search.find(sample)
            if finding is not None:
                search.add(sample, finding, middle_frame(_placed(sample, dataset)))
            on_clip()
    return search.decide()


def write_subject_dataset(
    dataset: Place, output: Path, found: Found, *, config: SubjectConfig, faces: FaceDetector, told: Told
) -> Written:
    """Write the clips that show the subject, with its best pictures; all others become rejections.

    Args:
        dataset: in which they were found.
        output: the new directory.
        found: in it.
        config: what becomes of other faces.
        faces: loaded.
        told: for the head.

    Raises:
        ValueError: something is there.
    """
    manifest, ends = finished_manifest(dataset), Ends()
    with whole_dataset(output, _LIMITS, what=WHAT) as destination:
        with closing(ShardWriter(destination)) as writer:
            for record in _outcomes(dataset, _Rewriting(found, config, faces)):
                writer.add(record)
                ends.add(record)
        write_head(destination, _head(dataset, manifest, ends, told), made_of=[dataset])
    rejected = {reason: count for (stage, reason), count in ends.rejected.items() if stage == STAGE}
    return Written(dataset=output, counts=ends.counts, rejected=rejected)


def middle_frame(sample: Sample) -> Picture | None:
    """The frame in the middle of a clip; None where its video gives none."""
    (frame,) = frames_at(sample, [(sample.source.start_s or 0.0) + sample.num_frames / sample.fps / 2])
    return frame


def _placed(sample: Sample, dataset: Place) -> Sample:
    """The sample with the place of its video, which may lie beside the shards."""
    return with_whole_video(sample, dataset_root(dataset))


def _outcomes(dataset: Place, rewriting: "_Rewriting") -> Iterator[Outcome]:
    """What becomes of every clip of a dataset, also of those that curation left out."""
    for path in shard_paths(dataset, Sample):
        for sample in read_shard(path, Sample, whole=True):
            yield rewriting.outcome(_placed(sample, dataset))
    if dataset == dataset_root(dataset):
        yield from not_kept(dataset)


def _head(dataset: Place, manifest: DatasetManifest, ends: Ends, told: Told) -> DatasetManifest:
    """The head of the new dataset: that of the old one, with one more stage and where it comes from."""
    earlier = [row.stage for row in manifest.funnel] if dataset == dataset_root(dataset) else []
    dropped = sum(count for (stage, _), count in (*ends.rejected.items(), *ends.failed.items()) if stage == STAGE)
    selection = Selection(dataset=str(dataset.absolute()), where=told.where, kept=ends.kept, dropped=dropped)
    return replace(
        manifest,
        annotators=tuple(dict.fromkeys([*manifest.annotators, told.annotator])),
        funnel=ends.funnel(dataset, tuple(dict.fromkeys([*earlier, STAGE]))),
        selections=(*manifest.selections, selection),
        id=new_dataset_id(),
        schema_version=str(SCHEMA_VERSION),
    )


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """From a curated clip to one of the subject."""

    found: Found
    config: SubjectConfig
    faces: FaceDetector

    def outcome(self, sample: Sample) -> Outcome:
        """The clip with its likeness and the subject's pictures; or why it is left out."""
        likeness = self.found.likeness.get(sample.clip_id)
        more = {} if likeness is None else {SCORE: likeness}
        scored = replace(sample, scores=replace(sample.scores, more={**sample.scores.more, **more}))
        if sample.clip_id in self.found.failed:
            return self.found.failed[sample.clip_id]
        if sample.clip_id in self.found.reasons:
            return passed_over(scored, *self.found.reasons[sample.clip_id])
        shown = self.found.kept[sample.clip_id]
        entities = tuple(
            self._subject(entity, shown)
            if index == shown.finding.entity
            else without_faces(entity, self.faces, self.config.other_faces)
            for index, entity in enumerate(sample.entities)
        )
        return replace(scored, entities=entities)

    def _subject(self, entity: Entity, shown: ShownSubject) -> Entity:
        """With the pictures of it that are good, and with the chosen ones of other clips.

        Our choice: both. A model that only ever sees parts of the clip learns to copy them; pictures from elsewhere
        show it what stays the same. Those have no scores, as all that were not cut from the clip.
        """
        own = [p for p in entity.references if (shown.finding.clip_id, p.place) not in self.found.flaws]
        left_out = [p for p in entity.references if p not in own]
        foreign = [p for p in self.found.chosen if p.clip_id != shown.finding.clip_id]
        first = max((p.place for p in (*entity.references, *entity.rejected_references)), default=-1) + 1
        total = first + len(foreign)
        seen = {p.place: Payload(bytes=p.content) for p in shown.pictures}  # without other faces
        kept = [
            replace(p, likeness=_padded(p.likeness, total), image=p.image if p.is_face else seen[p.place]) for p in own
        ]
        given = [given_picture(Payload(bytes=p.content), place=first + number) for number, p in enumerate(foreign)]
        rejected = [*entity.rejected_references, *map(scores_alone, left_out)]
        return replace(
            entity,
            references=(*kept, *given),
            rejected_references=tuple(
                replace(p, likeness=_padded(p.likeness, total)) for p in sorted(rejected, key=lambda p: p.place)
            ),
        )


def _padded(likeness: Sequence[float | None], total: int) -> tuple[float | None, ...]:
    """Nobody compared the pictures of other clips with those of this one by their places."""
    return (*likeness, *[None] * (total - len(likeness))) if likeness else ()
