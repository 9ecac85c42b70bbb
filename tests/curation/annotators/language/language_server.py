"""A chat server that does what a test says: real sockets, in a thread, counting who asks."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """What the user says, without pictures."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)

    @property
    def caption(self) -> str:
        """The caption at the end of Figure 7's instruction."""
        return self.text.rpartition("Caption: ")[2].removesuffix(" ### Output:")


@dataclass(frozen=True)
class Reply:
    """What goes out.

    Attributes:
        after_s: how long it takes; `drip_s` between any two bytes besides.
        cut: the connection breaks off in the middle of the body.
    """

    body: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    after_s: float = 0.0
    drip_s: float = 0.0
    cut: bool = False


Script = Callable[[Request, int], Reply]


def completion(text: str | None, **reply: Any) -> Reply:
    """A reply as the API has it."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Reply(json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}), **reply)


def refusal(status: int, **reply: Any) -> Reply:
    """An error as the API has it."""
    return Reply(json.dumps({"error": {"message": f"scripted {status}"}}), status=status, **reply)


class ScriptedServer:
    """Asks the script for each reply: with the request, and how often the same text was asked before."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def captions(self) -> list[str]:
        """What was asked about, in the order of arrival."""
        return [request.caption for request in self.requests]

    def answer(self, request: Request) -> Reply:
        """The script's reply, after its time."""
        with self._lock:
            before = sum(request.text == other.text for other in self.requests)
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        reply = self.script(request, before)
        time.sleep(reply.after_s)
        with self._lock:
            self._at_once -= 1
        return reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        assert isinstance(self.server, _Server)
        reply = self.server.scripted.answer(Request(self.path, headers, body))
        data = reply.body.encode()
        self.send_response(reply.status)
        sent = {**reply.headers, "Content-Type": reply.content_type, "Content-Length": str(len(data))}
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self._write(data[: len(data) // 2] if reply.cut else data, reply.drip_s)
        except OSError:
            self.close_connection = True  # who asked has given up
        self.close_connection |= reply.cut

    def _write(self, data: bytes, drip_s: float) -> None:
        size = 1 if drip_s else len(data)
        for start in range(0, len(data), size):
            self.wfile.write(data[start : start + size])
            time.sleep(drip_s)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the library's name
        """Quiet."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, scripted: ScriptedServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.scripted = scripted
        self._connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def die(self) -> None:
        """Refuse new connections, and break off those that are open."""
        self.shutdown()
        self.server_close()
        for connection in self._connections:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(script: Script, *, port: int = 0) -> Iterator[tuple[ScriptedServer, str]]:
    """The server and its address, until the end of the block; then its port refuses connections."""
    scripted = ScriptedServer(script)
    server = _Server(scripted, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield scripted, f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.die()
        thread.join()
