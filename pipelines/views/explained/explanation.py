"""Everything that `explain` found out about one video."""

from dataclasses import dataclass
from itertools import pairwise

from curation.profiles import CurationConfig
from curation.records import Clip
from curation.stages.decode import Decode
from dataset_schema import Bucket, MediaFacts, Sample, largest_bucket
from pipelines.views.explained.watched_run import Probabilities, Story
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """One video, and the story of every clip that it became: one, unless it was split into its shots.

    Attributes:
        shot_changes: for every frame, the probability that a shot change lies between it and the next; None where
            nobody looked.
    """

    video: Place
    caption: str
    config: CurationConfig
    stories: tuple[Story, ...]
    shot_changes: Probabilities | None

    @property
    def whole(self) -> Clip | None:
        """The video as it was decoded, not yet split; None if it was not."""
        visits = [visit for visit in self.stories[0].visits if isinstance(visit.stage, Decode)]
        found = visits[0].after if visits else None
        return found if isinstance(found, Clip) and found.frames is not None else None

    @property
    def shots_s(self) -> list[tuple[float, float]]:
        """When each shot begins and ends; empty where nobody looked."""
        whole, clip = self.whole, self.stories[0].clip
        if whole is None or whole.frames is None or whole.media is None or clip is None or self.shot_changes is None:
            return []
        if len(self.stories) > 1:
            spans = [story.outcome.source for story in self.stories]
            return [(span.start_s or 0.0, span.end_s or 0.0) for span in spans]
        start_s = float(whole.frames.times_s[0])
        edges = [start_s, *(clip.cut_times_s or ()), start_s + whole.media.duration_s]
        return list(pairwise(edges))

    @property
    def reference_times_s(self) -> list[float]:
        """When the frames are shown that references are cut from."""
        clips = [story.clip for story in self.stories if story.clip is not None]
        return [r.time_s for clip in clips if clip.frames is not None for r in clip.frames.reference_frames]

    @property
    def buckets(self) -> list[Bucket]:
        """The training sizes that the video, or a shot of it, fills; smallest first."""
        known = [story.clip.media for story in self.stories if story.clip is not None and story.clip.media is not None]
        buckets = sorted(map(Bucket.parse, self.config.buckets), key=lambda b: (b.height * b.width, b.frames))
        return [bucket for bucket in buckets if any(_fills(media, bucket) for media in known)]

    @property
    def kept(self) -> int:
        """How many clips were."""
        return sum(isinstance(story.outcome, Sample) for story in self.stories)


def _fills(media: MediaFacts, bucket: Bucket) -> bool:
    size = largest_bucket([bucket], duration_s=media.duration_s, height=media.height, width=media.width)
    return size is not None
