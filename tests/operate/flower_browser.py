"""A real browser without a screen, driven over its own DevTools protocol."""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClientConnection, websocket_connect

SECONDS = 30.0
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-default-apps", "--disable-sync", "--no-first-run",
    "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


def chromium() -> str:
    """Return the browser of this machine; without one, skip at home and fail in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no chromium on this machine, and CI needs one")
        pytest.skip("there is no chromium on this machine")
    return found


class Browser:
    """One page of a browser."""

    def __init__(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._number = 0
        self._events: list[str] = []
        self._socket: WebSocketClientConnection = self._wait(self._connect(address))
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    _session = ""

    @staticmethod
    async def _connect(address: str) -> WebSocketClientConnection:
        return await websocket_connect(address, max_message_size=1 << 28)

    def _wait(self, waited: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(waited, SECONDS))

    def _ask(self, method: str, **given: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        found: dict[str, Any] = self._wait(self._exchange(message))
        return found

    async def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        await self._socket.write_message(json.dumps(message))
        while True:
            heard = await self._hear()
            if heard.get("id") == message["id"]:
                if "error" in heard:
                    raise AssertionError(f"{message['method']}: {heard['error']}")
                result: dict[str, Any] = heard["result"]
                return result

    async def _hear(self) -> dict[str, Any]:
        text = await self._socket.read_message()
        if text is None:
            raise AssertionError("the browser has gone")
        heard: dict[str, Any] = json.loads(text)
        if "method" in heard:
            self._events.append(heard["method"])
        return heard

    async def _loaded(self) -> None:
        while "Page.loadEventFired" not in self._events:
            await self._hear()

    def size(self, width: int, height: int = 900) -> None:
        """Make the window so large."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def open(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self._events.clear()
        self._ask("Page.navigate", url=url)
        self._wait(self._loaded())

    def run(self, script: str) -> Any:
        """Return what a script in the page comes to."""
        done = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise AssertionError(done["exceptionDetails"])
        return done["result"].get("value")

    def text(self, selector: str = "body") -> str:
        """Return what a part of the page says; empty where there is none."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def write(self, selector: str, text: str) -> None:
        """Type a text into a field, key by key."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self._ask("Input.insertText", text=text)

    def press(self, selector: str) -> None:
        """Press a button with the mouse, and wait until the page it leads to is loaded."""
        self._events.clear()
        self.press_early(selector)
        self._wait(self._loaded())

    def press_early(self, selector: str) -> None:
        """Press a button that leads nowhere."""
        place = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center', behavior: 'instant'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        wide: int = self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wide

    def shoot(self, path: Path) -> None:
        """Keep a picture of the whole page."""
        found = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """Let go of the browser."""
        self._socket.close()


@contextmanager
def browser() -> Iterator[Browser]:
    """Give a browser that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="ct-ac-sync-browser-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, encoding="utf-8",
        )  # fmt: skip
        loop = asyncio.new_event_loop()
        try:
            page = Browser(_address(process), loop)
            yield page
            page.close()
        finally:
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            process.terminate()
            process.wait(20)
            if process.stderr is not None:
                process.stderr.close()


def _address(process: "subprocess.Popen[str]") -> str:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if match := re.search(r"DevTools listening on (ws://\S+)", line):
            return match[1]
    raise AssertionError(f"the browser does not start:\n{''.join(said)}")
