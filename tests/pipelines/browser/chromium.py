"""A real browser without a window, driven by its own protocol (Chrome DevTools) over a websocket of this machine."""

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

_WAIT_S: Final = 60.0
_KEYS: Final[Mapping[str, tuple[str, int]]] = {"ArrowRight": ("ArrowRight", 39), "ArrowLeft": ("ArrowLeft", 37)}


def find_chromium() -> str:
    """Where it is installed.

    Raises:
        FileNotFoundError: nowhere.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise FileNotFoundError("Chromium is not on the PATH; make setup-browser installs it")
    return found


class Window:
    """One page of the browser: what it showed, asked for and complained about.

    Attributes:
        requests: every address that was asked for.
        complaints: errors and warnings of the console, and of what broke.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loop = loop
        self._socket = socket
        self._number = 0
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """What the browser answers to a command; what happens meanwhile is noted."""
        self._number += 1
        return self._loop.run_until_complete(self._call(self._number, method, parameters))

    def size(self, width: int, height: int) -> None:
        """Make the window this large, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def open(self, address: str) -> None:
        """Go to an address, and wait until it is there."""
        self.call("Page.navigate", url=address)
        self.wait_for(f"location.href === {json.dumps(address)}")

    def value(self, script: str) -> Any:
        """What a script gives."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Until it is true of a page that is there.

        Raises:
            AssertionError: it does not become true.
        """
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            try:
                if self.value(f"document.readyState === 'complete' && Boolean({script})"):
                    return
            except RuntimeError:
                pass  # a page that goes away while it is asked
            time.sleep(0.05)
        raise AssertionError(f"{script} did not become true within {_WAIT_S:g} s at {self.value('location.href')}")

    def click(self, selector: str) -> None:
        """Click the middle of an element."""
        self.value(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        middle = self.value(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=middle[0], y=middle[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press a key, once the page is ready for it."""
        self.wait_for("true")
        name, code = _KEYS.get(key, (key, 13 if key == "Enter" else ord(key.upper()[0])))
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        """Write into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save what is seen, or the whole page."""
        found = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole=whole)
        )
        path.write_bytes(base64.b64decode(found["data"]))

    def _clip(self, *, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}}

    async def _call(self, number: int, method: str, parameters: Mapping[str, Any]) -> Any:
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await asyncio.wait_for(self._socket.receive_json(), _WAIT_S)
            if message.get("id") != number:
                self._note(message)
                continue
            if "error" in message:
                raise RuntimeError(f"{method}: {message['error']}")
            return message["result"]

    def _note(self, message: Mapping[str, Any]) -> None:
        said = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(said["args"]))
            case "Log.entryAdded" if said["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")


@contextmanager
def window(folder: Path) -> Iterator[Window]:
    """A browser with one window, which forgets everything; `folder` is its own."""
    command = [
        find_chromium(),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    loop = asyncio.new_event_loop()
    session = None
    try:
        session = loop.run_until_complete(_session())
        socket = loop.run_until_complete(_connect(session, folder))
        yield Window(loop, socket)
        loop.run_until_complete(socket.close())
    finally:
        if session is not None:
            loop.run_until_complete(session.close())
        loop.close()
        process.terminate()
        process.wait()


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


async def _connect(session: aiohttp.ClientSession, folder: Path) -> aiohttp.ClientWebSocketResponse:
    """The socket of the only page."""
    sign = folder / "DevToolsActivePort"
    until = time.monotonic() + _WAIT_S
    while not (sign.exists() and len(sign.read_text().splitlines()) == 2):
        if time.monotonic() > until:
            raise TimeoutError(f"Chromium did not start within {_WAIT_S:g} s")
        await asyncio.sleep(0.05)
    port = sign.read_text().splitlines()[0]
    async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
        (page,) = [each for each in await answer.json() if each["type"] == "page"]
    return await session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)
