"""A real Flower by its stock command, over real servers and both look-alikes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from world import World

from ct_ac_sync.sandbox.servers import free_port

ROOT = Path(__file__).parents[2]
SECONDS = 120.0
REFUSAL = '{"errors":[{"title":"No","code":"field_invalid"}]}'


def command(*arguments: str) -> list[str]:
    """Return the stock command that starts Flower."""
    return [sys.executable, "-m", "celery", "-A", "workers.app", "flower", *arguments]


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process of ours."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLOWER_", "CT_AC_SYNC_"))}
    return kept | {"PYTHONPATH": str(ROOT)} | dict(environment)


class Flower:
    """A Flower process."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"flower-{self.port}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command(f"--port={self.port}", *arguments), env=surroundings(environment), cwd=folder,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        until = time.monotonic() + SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"Flower does not start:\n{self.said()}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthcheck", timeout=5).status_code < 500
        except (requests.ConnectionError, requests.Timeout):
            return False

    def said(self) -> str:
        """Return what it wrote."""
        return self._log.read_text("utf-8", "replace")

    def get(self, path: str, **more: Any) -> requests.Response:
        """Return a page."""
        return requests.get(f"{self.url}{path}", timeout=30, allow_redirects=False, **more)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)


class Visitor:
    """Somebody with one page of a letter open, whose form is sent by hand."""

    def __init__(
        self, flower: Flower, number: int, *, auth: tuple[str, str] | None = None, prefix: str = ""
    ) -> None:
        self._url = f"{flower.url}{prefix}/dead-letters/{number}"
        self._session = requests.Session()
        self._session.auth = auth
        self.page = self._session.get(self._url, timeout=30).text

    @property
    def token(self) -> str:
        """What the page's form carries along; empty where it has no form."""
        found = re.search(r'name="_xsrf" value="([^"]+)"', self.page)
        return found[1] if found else ""

    def decide(
        self, decision: str, reason: str = "mended", *, token: str | None = None, **headers: str
    ) -> requests.Response:
        """Send the form of a decision, and return the page after it."""
        form = {"decision": decision, "reason": reason, "_xsrf": self.token if token is None else token}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._session.post(self._url, data=form, headers=named, timeout=30)


def a_dead_contact(world: World, address: str, *, has_order: bool = False) -> int:
    """Let a customer be refused for ever; return the number of the dead letter."""
    world.read()
    customer = world.shop.do("sign_up", email=address)
    if has_order:
        world.shop.do("order", customer=customer["id"])
    for operation in ("sync_contact", "import_contacts"):
        world.account.fault(operation=operation, status=422, reply=REFUSAL)
    world.run()
    world.account.heal()
    number: int = world.box.desk.dead_letters()[-1]["dead_letter"]
    return number


def state_of(world: World, number: int) -> dict[str, Any]:
    """Return state, actor and reason of a letter."""
    rows = world.sql("SELECT state, actor, reason FROM dead_letter WHERE dead_letter = %s", (number,))
    return dict(rows[0])
