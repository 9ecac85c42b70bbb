"""Latents and text tokens kept beside the dataset, so that training runs neither autoencoder nor text encoder.

Encoding videos while training would double the time of a step; captions and videos are the same in every epoch.
Reference images are not here, because Table 4 changes them every time. What lies on disk: `cache_table.py`.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from dataset_schema import FRAMES_PER_SECOND, Bucket
from modeling.data.cache_table import LATENTS, TEXT, CacheTable, Entry
from modeling.data.clips import Clip, decode_video
from modeling.data.entry_places import CONTENT_CHARACTERS, Ascii, EntryKey
from modeling.data.prefetch import prefetch
from modeling.data.store import SampleStore
from modeling.data.training_sample import TrainingSample
from modeling.data.video import Video
from modeling.data.windows import count_windows, window_starts_s
from modeling.encoders import Encoders, TextTokens
from storage.address import Address
from storage.lock import held_alone

# Enough to keep an encoder busy; each holds one decoded clip.
_CLIPS_AHEAD: Final = 4

# What an interrupted run does again, at most.
_SHARD_BYTES: Final = 2**26
_SHARD_ENTRIES: Final = 4096

_LOCK_NAME: Final = ".writing.lock"

# Stands in place of a clip's id.
_NULL_TEXT: Final = "null text"


class ClipCache:
    """A `ClipReader` that reads latents and text tokens instead of decoding videos.

    Args:
        store: the dataset.
        autoencoder_version: whose latents.
        text_version: whose tokens.
        windows: of each clip.

    Raises:
        ValueError: the dataset has no cache, a clip of it has no entry, or a shard is damaged.
    """

    def __init__(self, store: SampleStore, *, autoencoder_version: str, text_version: str, windows: int = 1) -> None:
        self.store = store
        root = _root(store)
        clips = len(store.all_clip_ids())
        self._latents = CacheTable(root, kind=LATENTS, version=autoencoder_version)
        self._text = CacheTable(root, kind=TEXT, version=text_version)
        self._videos: Ascii = np.zeros(clips, f"S{CONTENT_CHARACTERS}")  # hashes of those read; empty before
        wanted = np.zeros(clips, np.int64)
        for bucket in store.clips_per_bucket():
            wanted[store.numbers(bucket)] += _count_windows(store, bucket, windows)
        self._latents.expect(store.all_clip_ids(), wanted)
        self._text.expect(store.all_clip_ids(), np.ones_like(wanted))

    @classmethod
    def of(cls, store: SampleStore, encoders: Encoders, *, windows: int = 1) -> "ClipCache":
        """The cache that these encoders would write."""
        return cls(
            store,
            autoencoder_version=encoders.autoencoder.version,
            text_version=encoders.text.version,
            windows=windows,
        )

    def of_part(self, store: SampleStore) -> "ClipCache":
        """The same cache for a part of its dataset (`SampleStore.only`)."""
        part = copy.copy(self)
        part.store = store
        return part

    def read(self, bucket: Bucket, index: int, *, window_s: float, with_references: bool) -> Clip:
        """The clip with its latents and text tokens.

        Its video is read once, to see that the latents are still its own; it cannot change while training runs.

        Raises:
            ValueError: the entry was made from another video, caption or bucket.
        """
        number = int(self.store.numbers(bucket)[index])
        known = bytes(self._videos[number])
        sample = self.store.read(bucket, index, with_video=not known, with_references=with_references)
        digest = known.decode() or self._video_digest(sample)
        self._videos[number] = digest.encode()
        text = self._text.read(text_key(sample))
        return Clip(
            sample=replace(sample, video=None),
            latents=self._latents.read(window_key(sample, digest, bucket, window_s, fps=self.store.fps)).values,
            text=_tokens(text),
        )

    def null_text(self, text: str) -> TextTokens:
        """The tokens of what a model reads where a text is dropped.

        Raises:
            ValueError: the cache was made without them.
        """
        found = self._text.read(_text_key(_NULL_TEXT, text))
        return _tokens(found)

    def _video_digest(self, sample: TrainingSample) -> str:
        try:
            return video_digest(sample, self.store)
        except (ValueError, OSError) as error:
            raise ValueError(f"clip {sample.clip_id}: {error}") from error


def video_digest(sample: TrainingSample, store: SampleStore) -> str:
    """A hash of a clip's video.

    Of a file beside the shards it takes name, size and time of change: reading it would take as long as decoding.
    """
    if sample.video is None:
        raise ValueError("it was read without its video")
    content = store.content(sample.video)
    digest = blake2b(digest_size=CONTENT_CHARACTERS // 2)
    if isinstance(content, bytes):
        digest.update(content)
    elif isinstance(content, Address):
        found = content.stat()
        digest.update(repr((content.url, found.st_size, found.e_tag or found.last_modified)).encode())
    else:
        facts = content.stat()
        digest.update(repr((content.name, facts.st_size, facts.st_mtime_ns)).encode())
    return digest.hexdigest()


def window_key(
    sample: TrainingSample, video_digest: str, bucket: Bucket, window_s: float, *, fps: float = FRAMES_PER_SECOND
) -> EntryKey:
    """Names everything that the latents of a clip's window follow from, beside the autoencoder."""
    pace = () if fps == FRAMES_PER_SECOND else (fps,)  # caches from before there were others stay good
    facts = repr((video_digest, sample.video_start_s, window_s, str(bucket), *pace))
    return EntryKey(sample.clip_id, blake2b(facts.encode(), digest_size=CONTENT_CHARACTERS // 2).hexdigest())


def text_key(sample: TrainingSample) -> EntryKey:
    """Names everything that a caption's tokens follow from, beside the text encoder."""
    return _text_key(sample.clip_id, sample.caption)


def _text_key(clip_id: str, text: str) -> EntryKey:
    return EntryKey(clip_id, blake2b(text.encode(), digest_size=CONTENT_CHARACTERS // 2).hexdigest())


def _entry(key: EntryKey, tokens: TextTokens) -> Entry:
    return Entry(key=key, values=tokens.embeddings, spans=tokens.spans, pooled=tokens.pooled)


def _tokens(entry: Entry) -> TextTokens:
    return TextTokens(embeddings=entry.values, spans=entry.spans or (), pooled=entry.pooled)


def _root(store: SampleStore) -> Path:
    """Our choice: only a dataset on this machine has a cache, which is about as large as its videos."""
    if isinstance(store.root, Path):
        return store.root
    raise ValueError(
        f"dataset {store.dataset} lies in a store of objects, and latents are cached beside a dataset on this machine; "
        "copy it here (with aws s3 sync, say), or train without data.uses_cache"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFailure:
    """A window of a clip that could not be encoded, and why."""

    clip_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheReport:
    """What a run of `write_cache` did.

    Attributes:
        clips: of the dataset.
        windows: of all clips in all buckets that they fill.
        encoded_windows: by this run; the others were there, or failed. `encoded_captions` likewise.
    """

    clips: int
    windows: int
    encoded_windows: int
    encoded_captions: int
    failures: tuple[CacheFailure, ...]


def write_cache(
    store: SampleStore,
    encoders: Encoders,
    *,
    device: torch.device,
    windows: int = 1,
    null_text: str | None = None,
    on_window: Callable[[int], None] | None = None,
) -> CacheReport:
    """Encode every window of a dataset's clips that is not in its cache yet.

    Run it again after an interruption, or after the dataset has grown: what is there is not encoded again. A clip that
    cannot be read is reported, and the rest goes on.

    Args:
        store: the dataset; its buckets are those of training.
        encoders: those of training, on `device`.
        device: where they are.
        windows: of each clip in each bucket that it fills (`DataConfig.windows`).
        null_text: what the model reads where a text is dropped, if not zeros.
        on_window: is told how many of `count_cached_windows` are done.

    Raises:
        BusyError: another run writes the cache.
        ValueError: the dataset lies in a store of objects.
    """
    with held_for_writing(_root(store)):
        writer = _CacheWriter(store, encoders, device)
        if null_text is not None:
            writer.encode_null_text(null_text)
        return _write(writer, store, windows, on_window)


@contextmanager
def held_for_writing(dataset: Path) -> Iterator[None]:
    """Hold the cache of a dataset within the block.

    Raises:
        BusyError: another command writes it.
    """
    busy = f"the cache of dataset {dataset} is being written by another run; wait for its end, or stop it"
    with held_alone(dataset / "cache" / _LOCK_NAME, busy=busy):
        yield


def count_cached_windows(store: SampleStore, windows: int) -> int:
    """How many entries the latents of a dataset need."""
    return sum(int(_count_windows(store, bucket, windows).sum()) for bucket in store.clips_per_bucket())


def _count_windows(store: SampleStore, bucket: Bucket, most: int) -> npt.NDArray[np.int64]:
    return count_windows(store.durations_s(bucket), bucket, fps=store.fps, most=most)


def _write(
    writer: "_CacheWriter", store: SampleStore, windows: int, on_window: Callable[[int], None] | None
) -> CacheReport:
    failures = []
    try:
        for done, prepared in enumerate(
            prefetch(writer.prepare, _places(store, windows), threads=_CLIPS_AHEAD), start=1
        ):
            failure = prepared if isinstance(prepared, CacheFailure) else writer.encode(prepared)
            if failure is not None:
                failures.append(failure)
            if on_window is not None:
                on_window(done)
    finally:
        writer.latents.flush()
        writer.text.flush()
    return CacheReport(
        clips=len(store),
        windows=count_cached_windows(store, windows),
        encoded_windows=writer.latents.added,
        encoded_captions=writer.text.added,
        failures=tuple(failures),
    )


class _Place(NamedTuple):
    bucket: Bucket
    row: int
    clip_id: str
    window_s: float
    is_first: bool  # of its clip, whose caption is encoded with it


def _places(store: SampleStore, windows: int) -> Iterator[_Place]:
    is_new = np.ones(len(store), np.bool_)
    for bucket in store.clips_per_bucket():
        for row, (number, clip_id) in enumerate(zip(store.numbers(bucket), store.clip_ids(bucket), strict=True)):
            starts_s = window_starts_s(store.duration_s(bucket, row), bucket, fps=store.fps, most=windows)
            for window_s in starts_s:
                yield _Place(bucket, row, clip_id.as_py(), float(window_s), bool(is_new[number]))
                is_new[number] = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Prepared:
    """What is missing of one window: its frames, its clip's caption, or neither."""

    video_key: EntryKey
    video: Video | None
    text_key: EntryKey
    caption: str | None


class _CacheWriter:
    """Prepares clips on any thread, encodes them on one."""

    def __init__(self, store: SampleStore, encoders: Encoders, device: torch.device) -> None:
        self._store = store
        self._encoders = encoders
        self._device = device
        root = _root(store)
        self.latents = OpenShard(CacheTable(root, kind=LATENTS, version=encoders.autoencoder.version))
        self.text = OpenShard(CacheTable(root, kind=TEXT, version=encoders.text.version))

    def prepare(self, place: _Place) -> _Prepared | CacheFailure:
        try:
            sample = self._store.read(place.bucket, place.row, with_references=False)
            digest = video_digest(sample, self._store)
            video = window_key(sample, digest, place.bucket, place.window_s, fps=self._store.fps)
            text = text_key(sample)
            has_video, has_text = video in self.latents.table, not place.is_first or text in self.text.table
            return _Prepared(
                video_key=video,
                video=None if has_video else decode_video(sample, place.bucket, self._store, window_s=place.window_s),
                text_key=text,
                caption=None if has_text else sample.caption,
            )
        except (ValueError, OSError) as error:
            return CacheFailure(clip_id=place.clip_id, message=str(error))

    @torch.no_grad()
    def encode_null_text(self, text: str) -> None:
        """What stands for no text, unless it is there."""
        key = _text_key(_NULL_TEXT, text)
        if key not in self.text.table:
            (tokens,) = self._encoders.text.encode([text])
            self.text.add(_entry(key, tokens))

    @torch.no_grad()
    def encode(self, clip: _Prepared) -> CacheFailure | None:
        """One clip at a time: what its latents are does not depend on its neighbours, nor does the memory."""
        try:
            if clip.video is not None:
                (latents,) = self._encoders.autoencoder.encode(torch.from_numpy(clip.video)[None].to(self._device))
                self.latents.add(Entry(key=clip.video_key, values=latents))
            if clip.caption is not None:
                (tokens,) = self._encoders.text.encode([clip.caption])
                self.text.add(_entry(clip.text_key, tokens))
        except ValueError as error:
            return CacheFailure(clip_id=clip.video_key.clip_id, message=str(error))
        return None


class OpenShard:
    """Entries on their way to a shard."""

    def __init__(self, table: CacheTable) -> None:
        self.table = table
        self.added = 0
        self._entries: list[Entry] = []
        self._size_bytes = 0

    def add(self, entry: Entry) -> None:
        """Take an entry; a full shard is written."""
        self._entries.append(entry)
        self._size_bytes += entry.size_bytes
        self.added += 1
        if self._size_bytes >= _SHARD_BYTES or len(self._entries) >= _SHARD_ENTRIES:
            self.flush()

    def flush(self) -> None:
        """Write what there is."""
        if self._entries:
            self.table.write_shard(self._entries)
        self._entries, self._size_bytes = [], 0
