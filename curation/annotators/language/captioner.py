"""Captions by a vision-language model behind a server, for clips that have none of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

import numpy as np

from curation.annotators.language.chat import AnswerFormat
from curation.annotators.language.server import ChatServer, ChatServerConfig, Illustrated
from curation.annotators.protocols import Captioner
from curation.deferred import Deferred
from curation.records import Image, Video
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import strict

cv2: Any = Deferred("cv2")


def _default_server() -> ChatServerConfig:
    return ChatServerConfig(model="Qwen/Qwen2.5-VL-7B-Instruct", in_flight=16)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCaptionerConfig:
    """What the model is shown.

    Attributes:
        server: where the model is. Our choice: the paper's captioner is internal; this is one that others use for the
            same task.
        frames: pictures of each clip, evenly spread. Our choice: half of those at hand, a picture each half second of a
            common clip, at about a hundred tokens each.
        jpeg_quality: of the pictures, up to 100. Our choice: no artifacts to be seen.
        max_tokens: longer captions are cut off. Our choice: about a hundred words.
    """

    server: ChatServerConfig = field(default_factory=_default_server)
    frames: int = 8
    jpeg_quality: int = 90
    max_tokens: int = 160

    def __post_init__(self) -> None:
        if self.frames < 1 or self.max_tokens < 1:
            raise ValueError(f"frames is {self.frames} and max_tokens {self.max_tokens}, expected at least 1")
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality is {self.jpeg_quality}, expected 1 to 100")

    def build(self) -> Captioner:
        """The captioner; the first batch connects."""
        return ServerCaptioner(self)


class ServerCaptioner:
    """Asks a server what clips show: see `Captioner`."""

    def __init__(self, config: ServerCaptionerConfig) -> None:
        self._config = config
        self._server = ChatServer(config.server, AnswerFormat(max_tokens=config.max_tokens))

    def describe(self) -> Annotator:
        """The model, with the version of the instruction as part of its revision.

        Raises:
            ConnectionError: the server does not answer as it should.
        """
        described = self._server.describe("captions")
        version = sha256(_instruction().encode()).hexdigest()[:12]
        return replace(described, revision=f"{described.revision}, instruction {version}")

    @property
    def resources(self) -> Resources:
        """Those of the server, and a core for the pictures: it stays in the process that decoded them."""
        return replace(self._server.resources, cpus=1.0)

    def load(self) -> None:
        """See that the key is there."""
        self._server.load()

    def caption(self, videos: Sequence[Video]) -> list[str]:
        """What the model says about each, on one line.

        Raises:
            ClipError: a clip got no answer.
        """
        answers = self._server.answer([Illustrated(text=_instruction(), jpegs=self._jpegs(video)) for video in videos])
        return [_one_line(answer) for answer in answers]

    def _jpegs(self, video: Video) -> tuple[bytes, ...]:
        shown = np.linspace(0, len(video) - 1, min(self._config.frames, len(video))).round().astype(int)
        return tuple(_jpeg(video[index], self._config.jpeg_quality) for index in shown)


def _jpeg(image: Image, quality: int) -> bytes:
    is_written, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_written:
        raise ValueError(f"a picture of shape {image.shape} cannot be written as JPEG")
    return bytes(data)


def _one_line(answer: str) -> str:
    """Without thinking aloud, quotes around the whole, and line breaks."""
    return " ".join(answer.rpartition("</think>")[2].split()).strip('"')


@lru_cache(maxsize=1)
def _instruction() -> str:
    return (resources.files("curation.prompts") / "caption.txt").read_text(encoding="utf-8").strip()
