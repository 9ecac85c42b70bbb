"""A server on a socket of this machine, for the pages of this package."""

import socket
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: another program does there already, or this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen()  # who asks before the server runs waits for it
    except OSError as error:
        listener.close()
        raise type(error)(f"cannot listen at {host}, port {port} ({error.strerror}); choose another --port") from error
    return listener


def server(app: ASGIApp) -> uvicorn.Server:
    """What answers, once it runs."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer until Ctrl-C, which is how it ends."""
    with suppress(KeyboardInterrupt):
        server(app).run(sockets=[listener])


def address_of(host: str, listener: socket.socket) -> str:
    """What to open in a browser."""
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{shown}:{listener.getsockname()[1]}/"
