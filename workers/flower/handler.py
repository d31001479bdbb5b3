"""
The base of our pages: who may see them, who may decide, and nothing that blocks the loop.

A decision is a POST from a form of this very page.  Flower checks where one comes from
only if it has a login; ours are checked always, because a site that somebody looks at in
another tab can reach loopback, too.
"""

import base64
import functools
import getpass
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tornado.ioloop import IOLoop
from tornado.web import HTTPError, RequestHandler

from ct_ac_sync.bootstrap import Container
from ct_ac_sync.errors import SyncError
from ct_ac_sync.store.migrate import check_schema
from workers.app import settings
from workers.flower import door
from workers.flower.door import FlowerHandler
from workers.flower.listening import is_loopback
from workers.lifecycle import container

T = TypeVar("T")

#: Not found, and not allowed: these pages say why in their own words.
TOLD = (403, 404)
#: The database, or whatever else an answer needs, is away.
AWAY = 503

_opening = threading.Lock()


def opened() -> Container:
    """
    Return this process's container, over a database whose schema is this code's.

    Raises:
        SyncError: It is not, or it is away.
    """
    with _opening:
        return _checked()


@functools.cache
def _checked() -> Container:
    check_schema(settings.database_url)
    return container()


def own_user() -> str:
    """Return the user this process runs as; one without a name by its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


class PageHandler(FlowerHandler):
    """A page of ours."""

    def set_default_headers(self) -> None:
        """Let nobody frame or keep what a page shows."""
        super().set_default_headers()
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        """
        Refuse whoever comes under a foreign name where no login keeps others out.

        A site can let its own name lead to loopback, and then speak to us as if it were us.
        """
        host = urlsplit(f"//{self.request.host}").hostname or ""
        if not door.has_login() and not door.options.unix_socket and not is_loopback(host):
            raise HTTPError(403, f"without a login these pages answer on loopback only, not as {host}")

    def check_xsrf_cookie(self) -> None:
        """Refuse what does not come from a form of ours, with a login and without."""
        site = self.request.headers.get("Sec-Fetch-Site")
        origin = self.request.headers.get("Origin")
        if site not in (None, "same-origin"):
            raise HTTPError(403, "Cross-site request forbidden")
        if origin is not None and urlsplit(origin).netloc != self.request.host:
            raise HTTPError(403, "Cross-origin request forbidden")
        RequestHandler.check_xsrf_cookie(self)

    @property
    def may_decide(self) -> bool:
        """Whether this Flower lets anybody decide; it does not start where others reach it without a login."""
        return not door.options.read_only

    @property
    def actor(self) -> str:
        """Who decides: the login, or without one the user that Flower runs as."""
        if door.options.auth:
            return str(self.current_user)
        if door.options.basic_auth:
            # Flower has compared it with what it knows by now.
            words = self.request.headers["Authorization"].split()
            return base64.b64decode(words[1]).decode().partition(":")[0]
        return own_user()

    async def ask(self, question: Callable[[Container], T]) -> T:
        """Return what *question* is answered, in a thread: Postgres is waited for there."""
        return await IOLoop.current().run_in_executor(None, lambda: question(opened()))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what is wrong; an error of ours says so in its own words, and what to do about it."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, SyncError):
            status_code, told = AWAY, str(error)
        elif isinstance(error, HTTPError) and status_code in TOLD:
            told = error.get_message() or ""
        else:
            super().write_error(status_code, **kwargs)
            return
        if not hasattr(self, "_current_user"):
            # Whoever was refused before being asked who they are is not asked now.
            self.current_user = None
        self.set_status(status_code)
        self.render("trouble.html", status=status_code, told=told)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is a fault of ours; that a database is away is none."""
        if not isinstance(value, SyncError):
            super().log_exception(typ, value, tb)
