"""A store of objects for tests: moto as a process on loopback, and before it a proxy that disturbs by a plan."""

import asyncio
import contextlib
import io
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import boto3
import pytest
from aiohttp import web
from yarl import URL

from storage.address import Address
from storage.bucket import Bucket
from storage.lease import RENEWING

SECRET = "sEcReT/of+the-tests"
KEY = "AKIATESTKEYOFTESTS"

_SHARD: Final = re.compile(r"/(samples|rejections|failures)/part-[^/]*$")


@dataclass
class Proxy:
    """Passes requests on, counts them, and disturbs every `every`th: refused, cut in its answer, or late.

    Attributes:
        every: 0 disturbs none.
        always: the status and the code of every answer, instead of what the store says.
        always_of: of requests whose path holds this; empty for all.
        seen: requests by method.
        asked_for: the paths of all requests.
        served_bytes: what the store's answers held.
        shards: the paths of shards that the store has.
        caught: set while a shard is held back, `catch`.
    """

    upstream: str
    url: str = ""
    every: int = 0
    always: tuple[int, str] | None = None
    always_of: str = ""
    seed: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    asked_for: list[str] = field(default_factory=list)
    served_bytes: int = 0
    disturbed: Counter[str] = field(default_factory=Counter)
    shards: set[str] = field(default_factory=set)
    caught: threading.Event = field(default_factory=threading.Event)

    def plan(self, every: int, seed: int) -> None:
        """Begin anew, with other disturbances."""
        self.every, self.seed, self.always, self.always_of = every, seed, None, ""
        self.seen.clear()
        self.asked_for.clear()
        self.served_bytes = 0
        self.disturbed.clear()
        self.shards.clear()
        self.let_go()
        self._numbers, self._chances = count(1), random.Random(seed)

    def catch(self, number: int, *, late: bool) -> None:
        """Hold the put of a shard that is so many-th back, until `let_go`: its body, or, `late`, its answer."""
        self._puts, self._catch, self._is_late = count(1), number, late

    def let_go(self) -> None:
        """Cut what is held back, and hold nothing more."""
        self._puts, self._catch, self._is_late = count(1), 0, False
        self.caught.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen[request.method] += 1
        self.asked_for.append(request.path)
        is_shard = request.method == "PUT" and bool(_SHARD.search(request.path))
        is_caught = is_shard and next(self._puts) == self._catch
        if is_caught and not self._is_late:
            return await self._held_back(request)
        fault = "" if is_caught else self._next_fault()
        body = await request.read()
        if refused := self._refused(request, fault):
            return refused
        if fault == "cut before":
            return self._cut(request)
        if fault == "late":
            await asyncio.sleep(0.02)
        status, headers, content = await self._pass_on(request, body)
        if is_shard and status == 200:
            self.shards.add(request.path)
        if is_caught:
            return await self._held_back(request)
        return await self._answered(request, status, headers, content, is_cut=fault == "cut after")

    def _next_fault(self) -> str:
        is_chosen = self.every and next(self._numbers) % self.every == 0
        fault = self._chances.choice(("refused", "cut before", "cut after", "late")) if is_chosen else ""
        self.disturbed.update([fault] if fault else [])
        return fault

    def _refused(self, request: web.Request, fault: str) -> web.Response | None:
        if self.always and self.always_of in request.path:
            said = f"<Error><Code>{self.always[1]}</Code><Message>{KEY} {request.headers}</Message></Error>"
            return web.Response(status=self.always[0], text=said)
        return web.Response(status=503, text="<Error><Code>SlowDown</Code></Error>") if fault == "refused" else None

    async def _pass_on(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """What the store says to it: status, headers, content."""
        headers = {name: value for name, value in request.headers.items() if name.lower() != "transfer-encoding"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                # What the client encoded stays encoded: the signature is over that.
                URL(self.upstream + request.raw_path, encoded=True),
                headers=headers,
                data=io.BytesIO(body),
                allow_redirects=False,
            ) as found,
        ):
            passed = {n: v for n, v in found.headers.items() if n.lower() not in ("transfer-encoding", "connection")}
            return found.status, passed, await found.read()

    async def _answered(
        self, request: web.Request, status: int, headers: dict[str, str], content: bytes, *, is_cut: bool
    ) -> web.StreamResponse:
        self.served_bytes += len(content)
        if is_cut:
            return await self._half(request, web.StreamResponse(status=status, headers=headers), content)
        if request.method == "HEAD":
            return web.Response(status=status, headers=headers)
        headers.pop("Content-Length", None)
        return web.Response(status=status, headers=headers, body=content)

    async def _held_back(self, request: web.Request) -> web.Response:
        self.caught.set()
        while self.caught.is_set():
            await asyncio.sleep(0.005)
        return self._cut(request)

    async def _half(self, request: web.Request, answer: web.StreamResponse, content: bytes) -> web.StreamResponse:
        """The store did it, and the client learns half."""
        if content:
            answer.content_length = len(content)
            await answer.prepare(request)
            await answer.write(content[: len(content) // 2])
        return self._cut(request) if not content else self._cut_answer(request, answer)

    @staticmethod
    def _cut(request: web.Request) -> web.Response:
        if request.transport:
            request.transport.abort()
        return web.Response(status=503)

    @staticmethod
    def _cut_answer(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
        if request.transport:
            request.transport.abort()
        return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """The address of a fresh store."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(f"{url}/moto-api/")
            yield url
        finally:
            process.terminate()


@contextlib.contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A proxy before a store, in a thread of its own."""
    proxy = Proxy(upstream, url=f"http://127.0.0.1:{(port := free_port())}")
    proxy.plan(0, 0)
    loop = asyncio.new_event_loop()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    runner = web.AppRunner(app)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def environment(url: str) -> dict[str, str]:
    """What a person sets to work with a store."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
    }


def make_bucket(url: str, name: str) -> None:
    """By a plain request: who signs it is of no interest to moto."""
    request = urllib.request.Request(f"{url}/{name}", method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def client(url: str) -> Any:
    """Another tool for the same store: boto3's."""
    return boto3.client(
        "s3", endpoint_url=url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1"
    )


def unfinished_uploads(url: str, bucket: str) -> list[str]:
    """The keys of uploads in parts that nobody finished or aborted."""
    found = client(url).list_multipart_uploads(Bucket=bucket)
    return [f"upload in parts of {each['Key']}" for each in found.get("Uploads", ())]


def put(address: str, content: bytes = b"") -> None:
    """Put an object, likewise."""
    url = os.environ["AWS_ENDPOINT_URL"] + quote(address.removeprefix("s3:/"))
    headers = {"Content-Type": "application/octet-stream"}
    with urllib.request.urlopen(urllib.request.Request(url, content, headers, method="PUT"), timeout=20) as answer:
        assert answer.status == 200


def upload(folder: Path, address: Address) -> Address:
    """Put every file of a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            put(str(address / path.relative_to(folder)), path.read_bytes())
    return address


class Killed(BaseException):
    """What a process that is no more asks of a store: nothing."""


@contextlib.contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, *, after: int) -> Iterator[None]:
    """So many objects are put or deleted in the block, and none after those: as if the process were dead."""
    left = after

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if threading.current_thread().name == RENEWING:  # until the death
                if left < 0:
                    raise OSError(5, "dead")
                return change(*arguments, **options)
            left -= 1
            if left < 0:
                raise Killed
            return change(*arguments, **options)

        return changed

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", dying(Bucket.put))
        patched.setattr(Bucket, "delete", dying(Bucket.delete))
        yield


def _wait(url: str) -> None:
    for _ in range(300):
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url):
            return
        time.sleep(0.05)  # until it listens, which nobody tells
    raise TimeoutError(f"{url} does not answer")


@pytest.fixture(scope="session")
def store_url() -> Iterator[str]:
    """The store of all tests of this process."""
    with moto() as url:
        yield url


@pytest.fixture(scope="session")
def session_proxy(store_url: str) -> Iterator[Proxy]:
    with proxied(store_url) as proxy:
        yield proxy


@pytest.fixture
def proxy(session_proxy: Proxy) -> Proxy:
    """The proxy, which disturbs nothing until a test says so."""
    session_proxy.plan(0, 0)
    return session_proxy


_BUCKETS = count(1)


@pytest.fixture
def bucket(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a bucket of the test's own, with the credentials for it in the environment."""
    for name, value in environment(proxy.url).items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{os.getpid()}-{next(_BUCKETS)}"
    make_bucket(proxy.upstream, name)
    return f"s3://{name}"
