"""What a clip is in every epoch: its frames or what stands for them, its caption, its entities."""

from dataclasses import dataclass, replace
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from dataset_schema import Bucket
from modeling.data.store import SampleStore
from modeling.data.training_sample import TrainingSample
from modeling.data.video import Video, decode_clip
from modeling.encoders import TextTokens


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """One clip, either as pixels and words or as what their encoders made of them.

    Attributes:
        sample: without its video.
    """

    sample: TrainingSample
    video: Video | None = None
    latents: Float[Tensor, "channels time latent_height latent_width"] | None = None
    text: TextTokens | None = None

    @property
    def size_bytes(self) -> int:
        """Of what is large."""
        arrays = (self.video, self.latents, None if self.text is None else self.text.embeddings)
        return sum(array.nbytes for array in arrays if array is not None) + self.sample.size_bytes


class ClipReader(Protocol):
    """Reads the clips of a dataset: `DecodedClips`, or a `ClipCache`. Any thread may ask."""

    @property
    def store(self) -> SampleStore:
        """The dataset."""
        ...

    def read(self, bucket: Bucket, index: int, *, window_s: float, with_references: bool) -> Clip:
        """The clip at `index` of `bucket`, in the window that starts `window_s` after it.

        Raises:
            ValueError: it cannot be read; the message names it.
        """
        ...


class DecodedClips:
    """A `ClipReader` that decodes videos."""

    def __init__(self, store: SampleStore) -> None:
        self.store = store

    def read(self, bucket: Bucket, index: int, *, window_s: float, with_references: bool) -> Clip:
        """The clip with its frames."""
        sample = self.store.read(bucket, index, with_references=with_references)
        try:
            video = decode_video(sample, bucket, self.store, window_s=window_s)
        except (ValueError, OSError) as error:
            raise ValueError(f"clip {sample.clip_id}: {error}") from error
        return Clip(sample=replace(sample, video=None), video=video)


def decode_video(sample: TrainingSample, bucket: Bucket, store: SampleStore, *, window_s: float) -> Video:
    """The frames from `window_s` on of a sample that was read with its video, in the size of the bucket.

    Raises:
        ValueError: it cannot be decoded.
        OSError: its file cannot be read.
    """
    if sample.video is None:
        raise ValueError("it was read without its video")
    content, start_s = store.content(sample.video), sample.video_start_s
    return decode_clip(content, bucket, start_s=start_s, window_s=window_s, fps=store.fps)
