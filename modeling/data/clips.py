"""What a clip is in every epoch: its frames or what stands for them, its caption, its entities."""

from dataclasses import dataclass, replace
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from dataset_schema import Bucket, Payload, Sample
from modeling.data.store import SampleStore
from modeling.data.video import Video, decode_clip
from modeling.encoders import TextTokens


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """One clip, either as pixels and words or as what their encoders made of them.

    Attributes:
        sample: without its video.
    """

    sample: Sample
    video: Video | None = None
    latents: Float[Tensor, "16 time latent_height latent_width"] | None = None
    text: TextTokens | None = None

    @property
    def size_bytes(self) -> int:
        """Of what is large."""
        images = [reference.image for entity in self.sample.entities for reference in entity.references]
        if self.sample.background is not None:
            images.append(self.sample.background.image)
        arrays = (self.video, self.latents, None if self.text is None else self.text.embeddings)
        return sum(array.nbytes for array in arrays if array is not None) + sum(len(i.bytes or b"") for i in images)


class ClipReader(Protocol):
    """Reads the clips of a dataset: `DecodedClips`, or a `ClipCache`. Any thread may ask."""

    @property
    def store(self) -> SampleStore:
        """The dataset."""
        ...

    def read(self, bucket: Bucket, index: int, *, with_references: bool) -> Clip:
        """The clip at `index` of `bucket`.

        Raises:
            ValueError: it cannot be read; the message names it.
        """
        ...


class DecodedClips:
    """A `ClipReader` that decodes videos."""

    def __init__(self, store: SampleStore) -> None:
        self.store = store

    def read(self, bucket: Bucket, index: int, *, with_references: bool) -> Clip:
        """The clip with its frames."""
        sample = self.store.read(bucket, index, with_references=with_references)
        try:
            video = decode_clip(self.store.content(sample.video), bucket, start_s=sample.video_start_s)
        except (ValueError, OSError) as error:
            raise ValueError(f"clip {sample.clip_id}: {error}") from error
        return Clip(sample=without_video(sample), video=video)


def without_video(sample: Sample) -> Sample:
    """The sample after its video has been used, so that nobody keeps the bytes."""
    return replace(sample, video=Payload(path="(used)"))
