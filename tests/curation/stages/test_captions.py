"""Captions by a vision-language model: which clips get one, and what the model is shown."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from curation.annotators.language.captioner import ServerCaptioner, ServerCaptionerConfig
from curation.annotators.language.server import ChatServerConfig
from curation.annotators.protocols import Captioner
from curation.entity_words import check_answer
from curation.execution.guard import Guard, StageError
from curation.records import Clip, Frames, Image, Video
from curation.stage import Resources
from curation.stages.captions import Captions, CaptionsConfig
from dataset_schema import Annotator, Source
from tests.curation.annotators.language.language_server import Reply, Request, completion, refusal, serving
from tests.curation.deciding import reasons_of
from tests.made_media import media_facts


class ScriptedCaptioner:
    """Says the same of every clip, and remembers what it saw."""

    def __init__(self, said: str = "A dog runs.") -> None:
        self.said = said
        self.seen: list[Video] = []
        self.is_loaded = False

    def describe(self) -> Annotator:
        return Annotator(job="captions", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        self.is_loaded = True

    def caption(self, videos: Sequence[Video]) -> list[str]:
        self.seen += videos
        return [self.said for _ in videos]


def picture(number: int, side: int = 224) -> Image:
    """A smooth picture that no other number has: a slope of its own hue, with a bright patch that wanders."""
    y, x = np.mgrid[:side, :side] / side
    image = np.stack([x * 200, y * 200, np.full_like(x, 16 * (number % 16))], axis=-1)
    image[10 * (number % 16) : 10 * (number % 16) + 40, 20:60] = (250, 250, 50)
    return image.astype(np.uint8)


def make_clip(number: int, caption: str = "", *, width: int = 640, height: int = 360) -> Clip:
    frames = Frames(
        thumbnails=np.zeros((4, 27, 48, 3), np.uint8),
        times_s=np.arange(4.0),
        content=np.stack([picture(number + frame) for frame in range(16)]),
        content_times_s=np.arange(16.0),
        reference_frames=(),
    )
    name = f"{number:016x}"
    media = media_facts(width=width, height=height)
    return Clip(clip_id=name, source=Source(id=name, uri="a.mp4"), caption=caption, frames=frames, media=media)


def captioner(url: str, **config: Any) -> ServerCaptioner:
    server = ChatServerConfig(url=url, model="eyes", retries=1, timeout_s=10.0, in_flight=8)
    return ServerCaptioner(ServerCaptionerConfig(server=server, **config))


def pictures(request: Request) -> list[Image]:
    """The pictures of a request, decoded from what really travelled."""
    found = []
    for part in request.body["messages"][0]["content"]:
        if part["type"] == "image_url":
            head, _, data = part["image_url"]["url"].partition(",")
            assert head == "data:image/jpeg;base64"
            decoded = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
            found.append(np.asarray(decoded[..., ::-1], np.uint8))
    return found


@pytest.mark.parametrize(
    ("which", "expected"),
    [("none", ["Mine.", "", " "]), ("missing", ["Mine.", "New.", "New."]), ("all", ["New.", "New.", "New."])],
)
def test_writes_captions_for_the_clips_that_the_policy_names(which: Any, expected: list[str]) -> None:
    stage = Captions(CaptionsConfig(which=which), ScriptedCaptioner("New."))

    clips = stage.score([make_clip(1, "Mine."), make_clip(2), make_clip(3, " ")])

    assert [clip.caption for clip in clips] == expected
    assert [clip.clip_id for clip in clips] == [f"{number:016x}" for number in (1, 2, 3)]


def test_does_not_bother_the_captioner_about_clips_that_have_one() -> None:
    scripted = ScriptedCaptioner()

    Captions(CaptionsConfig(which="missing"), scripted).score([make_clip(1, "A cat.")])

    assert scripted.seen == []


@pytest.mark.parametrize(
    ("size", "shape"),
    [((1920, 1080), (224, 398)), ((360, 640), (398, 224)), ((500, 500), (224, 224)), ((1000, 100), (224, 2240))],
)
def test_shows_clips_in_their_true_proportions(size: tuple[int, int], shape: tuple[int, int]) -> None:
    scripted = ScriptedCaptioner()
    width, height = size

    Captions(CaptionsConfig(which="all"), scripted).score([make_clip(1, width=width, height=height)])

    assert scripted.seen[0].shape == (16, *shape, 3)


@pytest.mark.parametrize("said", ["", "x" * 1001])
def test_an_answer_that_cannot_be_a_caption_is_a_rejection(said: str) -> None:
    stage = Captions(CaptionsConfig(which="all"), ScriptedCaptioner(said))

    (clip,) = stage.score([make_clip(1, "Mine.")])

    assert [reason.reason for reason in reasons_of(stage, clip)] == ["no_caption"]
    assert reasons_of(stage, replace(clip, caption="A dog.")) == ()


def test_a_refusal_is_rejected_by_the_rules_of_entity_words() -> None:
    refusing = "I'm sorry, I cannot describe this."

    checked = check_answer(refusing, "{'background': [], 'subject': [], 'object': []}")

    assert [violation.rule.value for violation in checked.violations] == ["no_subject_word"]


def test_setup_loads_the_captioner_that_it_names() -> None:
    scripted: Captioner = ScriptedCaptioner()
    stage = Captions(CaptionsConfig(), scripted)

    stage.setup()

    assert isinstance(scripted, ScriptedCaptioner)
    assert scripted.is_loaded
    assert [annotator.name for annotator in stage.annotators()] == ["scripted"]
    assert stage.score([]) == []


def test_the_right_frames_of_every_clip_arrive_as_jpeg() -> None:
    clips = [make_clip(number, width=300, height=300) for number in (0, 5)]
    with serving(lambda *_: completion("A dog.")) as (server, url):
        Captions(CaptionsConfig(which="all"), captioner(url, frames=4)).score(clips)

    assert len(server.requests) == 2
    arrived = sorted(server.requests, key=lambda request: int(pictures(request)[0][200, 200, 2]))
    for clip, request in zip(clips, arrived, strict=True):
        shown = pictures(request)
        assert len(shown) == 4
        for image, index in zip(shown, (0, 5, 10, 15), strict=True):
            assert clip.frames is not None
            differences = [np.abs(image.astype(int) - frame).mean() for frame in clip.frames.content]
            assert int(np.argmin(differences)) == index
            assert min(differences) < 3
        text = request.body["messages"][0]["content"][-1]
        assert text["type"] == "text"
        assert "frames of one video clip" in text["text"]


def test_captions_go_to_the_clips_they_are_about() -> None:
    def script(request: Request, _: int) -> Reply:
        first = int(pictures(request)[0][200, 200, 2])
        return completion(f"Dog {round(first / 16)} runs.", after_s=0.3 - first / 1000)

    with serving(script) as (_, url):
        stage = Captions(CaptionsConfig(which="all"), captioner(url))
        clips = stage.score([make_clip(number) for number in range(6)])

    assert [clip.caption for clip in clips] == [f"Dog {number} runs." for number in range(6)]


def test_an_answer_becomes_one_line_without_thinking_and_quotes() -> None:
    with serving(lambda *_: completion('<think>Hm, a "dog".</think>\n"A dog\n runs."')) as (_, url):
        assert captioner(url).caption([np.stack([picture(1)])]) == ["A dog runs."]


def test_one_clip_without_an_answer_costs_only_itself() -> None:
    def script(request: Request, _: int) -> Reply:
        bad = round(int(pictures(request)[0][200, 200, 2]) / 16) == 2
        return refusal(400) if bad else completion("A dog runs.")

    with serving(script) as (server, url):
        guard = Guard(Captions(CaptionsConfig(which="all"), captioner(url)))
        outcomes = guard.judge([make_clip(number) for number in range(4)])
        guard.close()

    assert [isinstance(outcome, StageError) for outcome in outcomes] == [False, False, True, False]
    assert len(server.requests) == 4


def test_the_plan_finds_a_captioner_that_is_down() -> None:
    with serving(lambda *_: completion("")) as (_, url):
        described = captioner(url).describe()

    assert (described.job, described.name) == ("captions", "eyes")
    with pytest.raises(ConnectionError, match="cannot be reached"):
        captioner(url).describe()


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"jpeg_quality": 101}, {"jpeg_quality": 0}, {"max_tokens": 0}])
def test_refuses_a_config_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ServerCaptionerConfig(**wrong)


def test_a_caption_has_at_least_one_character() -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        CaptionsConfig(max_chars=0)
