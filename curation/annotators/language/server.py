"""A language model behind a server that speaks OpenAI's chat API, such as vLLM's, with many requests in flight."""

import asyncio
import base64
import json
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeVar

from curation.annotators.checkpoints import library
from curation.annotators.language.chat import AnswerFormat, ChatModel
from curation.annotators.language.entity_words import LanguageEntityWordsConfig, entity_words_by
from curation.annotators.protocols import EntityWordExtractor
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage.configs import PRESET_ONLY, UNDECISIVE, strict

# Before a run starts, somebody waits: the server need not be asked for as long as in the middle of one.
_RETRIES_AT_START: Final = 1
_EXCERPT: Final = 300

Result = TypeVar("Result")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ChatServerConfig:
    """Where the model is, and how hard to press it.

    Attributes:
        url: where the API begins, with its version.
        model: as the server names it. Our choice: the paper says Mistral-7B; this is its newest instruction-tuned one.
        api_key_variable: the environment variable that holds the key, on every machine; None for a server without.
        in_flight: requests at once: of the whole run for entity words, of each worker for captions. Our choice: a
            quarter of what vLLM batches by default, so that others may use the server too.
        timeout_s: longest time one try may take.
        retries: more tries after an answer that may pass: no connection, no answer in time, 408, 409, 429, 5xx. The
            wait before them doubles from half a second to eight, unless the server names another.
        response_format: `json_schema` makes a server that can (vLLM, OpenAI) answer in nothing but Figure 7's
            dictionary. Our choice: `none`. Every server takes it, the answers that good models give are read anyway,
            and a model that is held to JSON against its will may fill its answer with white space.
        extra_body: a JSON object that is added to every request, for what servers offer beyond the API, such as
            `{"chat_template_kwargs": {"enable_thinking": false}}` for models that think aloud.
    """

    profile: Literal["server"] = "server"
    url: str = field(default="http://127.0.0.1:8000/v1", metadata=UNDECISIVE)
    model: str = "mistralai/Mistral-7B-Instruct-v0.3"
    api_key_variable: str | None = field(default=None, metadata=UNDECISIVE)
    in_flight: int = field(default=64, metadata=UNDECISIVE)
    timeout_s: float = field(default=60.0, metadata=UNDECISIVE)
    retries: int = field(default=5, metadata=UNDECISIVE | PRESET_ONLY)
    response_format: Literal["none", "json_schema"] = "none"
    extra_body: str = field(default="{}", metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url is {self.url!r}, expected one such as http://127.0.0.1:8000/v1")
        if self.in_flight < 1 or self.retries < 0 or self.timeout_s <= 0:
            raise ValueError(
                f"in_flight is {self.in_flight}, retries {self.retries} and timeout_s {self.timeout_s}, expected at "
                "least 1, at least 0, and a positive number"
            )
        if _json_object(self.extra_body) is None:
            raise ValueError(f"extra_body is {self.extra_body!r}, expected a JSON object")

    def chat(self, form: AnswerFormat) -> ChatModel:
        """The model; nothing is loaded yet."""
        return ChatServer(self, form)

    def build(self, instruction: LanguageEntityWordsConfig | None = None) -> EntityWordExtractor:
        """Entity words by the model; nothing is loaded yet."""
        return entity_words_by(self, instruction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Illustrated:
    """A question about pictures, given as JPEG."""

    text: str
    jpegs: tuple[bytes, ...]


Question: TypeAlias = str | Illustrated


class _Line:
    """A client with its open connections, and the thread with the event loop that they live in.

    A thread of its own, because it must be possible to close the connections from wherever Python happens to let go of
    their owner, also from within another event loop.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, name="language-model-server", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What comes out of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Let the thread close the connections and end; does not wait for it."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _end(self) -> None:
        try:
            await self.client.close()
        finally:
            self._loop.stop()


class ChatServer:
    """Asks every question of a batch at the same time; see `ChatModel`.

    What became of the last batch is remembered: who asks for parts of it again, to find the question that failed, gets
    the same answers and errors without a request. An error that was raised for a question alone is forgotten.

    Args:
        config: where the server is.
        form: what answers may look like.
    """

    def __init__(self, config: ChatServerConfig, form: AnswerFormat) -> None:
        self._config = config
        self._form = form
        self._outcomes: dict[Question, str | ClipError] = {}
        self._line: _Line | None = None

    def __reduce__(self) -> tuple[type["ChatServer"], tuple[ChatServerConfig, AnswerFormat]]:
        """A copy opens its own connections."""
        return ChatServer, (self._config, self._form)

    def describe(self, job: str) -> Annotator:
        """The model's name; which weights it has, a server does not say. Asks it for one token, to see it work.

        Raises:
            ConnectionError: it is down, refuses the key, does not have the model, or does not know an option.
        """
        line = self._connect(_RETRIES_AT_START)
        try:
            (outcome,) = self._ask(line, ["Hello"], max_tokens=1).values()
        finally:
            line.close()
        if isinstance(outcome, ClipError):
            raise ConnectionError(str(outcome))
        return Annotator(job=job, name=self._config.model, revision="unknown")

    def identity(self) -> str:
        """The options of a request, the model's name among them."""
        return json.dumps(self._options(self._form.max_tokens), sort_keys=True)

    @property
    def resources(self) -> Resources:
        """It only waits for the network: no share of a core, and one worker for the whole run."""
        return Resources(
            cpus=0.0, memory_bytes=1 << 29, batch_size=self._config.in_flight, timeout_s=self._patience_s + 60.0
        )

    def load(self) -> None:
        """See that the key is there; the first batch opens the connections.

        Raises:
            ValueError: the key is not in the environment.
        """
        self._api_key()

    def answer(self, questions: Sequence[Question]) -> list[str]:
        """See `ChatModel`."""
        if self._line is None:
            self._line = self._connect(self._config.retries)
            weakref.finalize(self, self._line.close)
        if not all(question in self._outcomes for question in questions):
            unique = list(dict.fromkeys(questions))
            self._outcomes = self._ask(self._line, unique, max_tokens=self._form.max_tokens)
        answers = []
        for question in questions:
            outcome = self._outcomes[question]
            if isinstance(outcome, ClipError):
                if len(questions) == 1:
                    del self._outcomes[question]
                raise ClipError(outcome.kind, str(outcome))
            answers.append(outcome)
        return answers

    @property
    def _patience_s(self) -> float:
        """For one question with all its tries: also a server that drips bytes, or wants long waits, ends here."""
        return (self._config.retries + 1) * self._config.timeout_s

    def _api_key(self) -> str:
        variable = self._config.api_key_variable
        if variable is None:
            return "none"  # the library wants one
        key = os.environ.get(variable)
        if not key:
            raise ValueError(
                f"environment variable {variable} is not set, expected the key of language model server "
                f"{self._config.url}; set it on every machine"
            )
        return key

    def _options(self, max_tokens: int) -> dict[str, Any]:
        options: dict[str, Any] = {"model": self._config.model, "temperature": 0, "max_tokens": max_tokens}
        schema = self._form.schema
        if schema is not None and self._config.response_format == "json_schema":
            named = {"name": "answer", "strict": True, "schema": dict(schema)}
            options["response_format"] = {"type": "json_schema", "json_schema": named}
        return {**options, "extra_body": _json_object(self._config.extra_body)}

    def _connect(self, retries: int) -> _Line:
        client = library("openai").AsyncOpenAI(
            base_url=self._config.url, api_key=self._api_key(), timeout=self._config.timeout_s, max_retries=retries
        )
        return _Line(client)

    def _ask(self, line: _Line, questions: Sequence[Question], *, max_tokens: int) -> dict[Question, str | ClipError]:
        """What becomes of every question."""
        slots = asyncio.Semaphore(self._config.in_flight)
        options = self._options(max_tokens)

        async def outcomes() -> list[str | ClipError]:
            asked = (self._outcome(line.client, slots, question, options) for question in questions)
            return await asyncio.gather(*asked)

        return dict(zip(questions, line.run(outcomes()), strict=True))

    async def _outcome(
        self, client: Any, slots: asyncio.Semaphore, question: Question, options: Mapping[str, Any]
    ) -> str | ClipError:
        messages = [{"role": "user", "content": _content(question)}]
        try:
            async with slots, asyncio.timeout(self._patience_s):
                reply = await client.chat.completions.with_raw_response.create(messages=messages, **options)
                return self._text(reply.http_response.text)
        except ClipError as error:
            return error
        except (library("openai").OpenAIError, TimeoutError) as error:
            return self._clip_error(error)

    def _text(self, body: str) -> str:
        """The text of a chat completion; whatever else a server may send is no answer."""
        match _json_object(body):
            case {"choices": [{"message": {"content": str(text)}}, *_]}:
                return text
        raise ClipError(
            FailureKind.ANNOTATOR,
            f"language model server {self._config.url} sent no chat completion with a text but {body[:_EXCERPT]!r}",
        )

    def _clip_error(self, error: Exception) -> ClipError:
        """What went wrong, whether it may pass, and what to do."""
        config = self._config
        server = f"language model server {config.url}"
        openai = library("openai")
        if isinstance(error, openai.APIStatusError):
            return self._refusal(error.status_code, error.response.text[:_EXCERPT])
        if isinstance(error, openai.APITimeoutError | TimeoutError):
            advice = "lower in_flight or raise timeout_s, then run again with --retry timeout"
            return ClipError(FailureKind.TIMEOUT, f"{server} did not answer within {config.timeout_s:g} s; {advice}")
        cause = error.__cause__ or error
        return ClipError(
            FailureKind.IO,
            f"{server} cannot be reached or broke off ({cause!r}); start it, then run again with --retry io",
        )

    def _refusal(self, status: int, said: str) -> ClipError:
        config = self._config
        kind = FailureKind.ANNOTATOR
        if status in (401, 403):
            named = config.api_key_variable or "none: name one with api_key_variable"
            what = f"refused the key (environment variable: {named})"
        elif status == 404:
            what = f"has no model {config.model!r}, or no chat API at this address"
        elif status in (408, 409, 429) or status >= 500:
            kind = FailureKind.TIMEOUT if status == 408 else FailureKind.IO
            what = f"did not recover in {config.retries + 1} tries; wait, then run again with --retry {kind}"
        elif self._form.schema is not None and config.response_format == "json_schema":
            what = "refused the request; if it knows no JSON schemas, set response_format to none"
        else:
            what = "refused the request"
        return ClipError(kind, f"language model server {config.url} {what}. It answered {status}: {said}")


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _content(question: Question) -> str | list[dict[str, Any]]:
    """As OpenAI's chat API wants it: plain text, or pictures and text."""
    if isinstance(question, str):
        return question
    pictures = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"}}
        for jpeg in question.jpegs
    ]
    return [*pictures, {"type": "text", "text": question.text}]
