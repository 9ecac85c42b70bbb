"""Who may ask the browser, and what its pages may do: before any page, and around every answer.

A page of the web may send a request to this machine, or have its own name lead here (DNS rebinding); other machines may
knock where the browser listens beyond loopback. What a dataset holds was written by others, so nothing in it may run.
"""

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_COOKIE: Final = "openalchemist-write"
_TOKEN_HEADER: Final = "x-write-token"
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may ask.

    Attributes:
        names: what a request may call this machine, without a port.
        password: None asks for none: loopback only.
        write_token: whoever writes tells it twice, in a cookie that no other site's request carries, and in a header
            that only a script of our own pages can set; None where nothing can be written.
    """

    names: tuple[str, ...] = _LOOPBACK_NAMES
    password: str | None = None
    write_token: str | None = None


class Guard:
    """Refuses what may not ask, and puts the headers on every answer.

    Args:
        app: that answers.
        access: who may ask.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        # Cookies are the same for all ports of a machine, and two servers have two tokens.
        cookie = f"{_COOKIE}-{(scope.get('server') or ('', ''))[1]}"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if self._access.write_token is not None:
                    headers["Set-Cookie"] = f"{cookie}={self._access.write_token}; Path=/; HttpOnly; SameSite=Strict"
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["method"], cookie)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, method: str, cookie: str) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if _without_port(host).lower() not in self._access.names:
            return PlainTextResponse(
                f"this browser is not called {host[:80]!r}; open it as it was told when it was started\n", 421
            )
        if self._access.password is not None and not _has_password(headers, self._access.password):
            return PlainTextResponse(
                "a password is needed\n", 401, {"WWW-Authenticate": 'Basic realm="dataset", charset="UTF-8"'}
            )
        if method in ("GET", "HEAD"):
            return None
        if self._access.write_token is None or method != "POST":
            return PlainTextResponse("nothing here can be written; expected GET or HEAD\n", 405, {"Allow": "GET, HEAD"})
        if not _may_write(headers, cookie, self._access.write_token):
            return PlainTextResponse("only a page of this server may write; reload it\n", 403)
        return None


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is one that no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _may_write(headers: Headers, cookie: str, token: str) -> bool:
    cookies = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    told = [value for name, _, value in cookies if name == cookie]
    origin = headers.get("origin")
    is_own = origin is None or origin.partition("://")[2] == headers.get("host")
    given = (headers.get(_TOKEN_HEADER, ""), told[0] if len(told) == 1 else "")
    return is_own and all(hmac.compare_digest(each.encode(), token.encode()) for each in given)


def _has_password(headers: Headers, password: str) -> bool:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    _, _, found = given.partition(b":")
    return scheme.lower() == "basic" and hmac.compare_digest(found, password.encode())
