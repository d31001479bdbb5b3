"""
The door for webhooks of ActiveCampaign: who is named there is looked at, and nothing else is believed.

They come unsigned, more than once, late, out of order or not at all (vendor documentation,
Webhooks), so a form says no more than that something may have changed.  The answer is the same
whatever it says; what it says is kept for a second, so that a flood becomes a few statements.
"""

import asyncio
import hmac
import signal
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import click
import structlog
import tornado.httpserver
import tornado.web

from ct_ac_sync.cli.output import container, reports_errors
from ct_ac_sync.errors import ConfigurationError, DatabaseAwayError

log = structlog.get_logger()

#: The greatest form that is read; the vendor's are some thousand bytes.
MOST_BYTES = 64_000
#: How often the people named meanwhile are marked.
PAUSE_SECONDS = 1.0
#: The longest id that is one.
MOST_DIGITS = 18

Mark = Callable[[Collection[str]], int]


class Named:
    """The contacts that webhooks named since they were marked last, by destination."""

    def __init__(self, marks: Mapping[str, Mark]) -> None:
        """*marks* have contacts looked at, by destination."""
        self._marks = marks
        self._contacts: dict[str, set[str]] = defaultdict(set)

    def add(self, destination: str, contact: str) -> None:
        """Note that a contact was named; what is no id names nobody."""
        if contact.isascii() and contact.isdigit() and len(contact) <= MOST_DIGITS:
            self._contacts[destination].add(contact)

    def flush(self) -> int:
        """Have all looked at that were named; return of how many that was not wanted yet."""
        marked = 0
        for destination in list(self._contacts):
            # What is named while others are marked is noted anew.
            contacts = self._contacts.pop(destination)
            try:
                marked += self._marks[destination](contacts)
            except DatabaseAwayError as error:
                log.warning("webhooks_wait", destination=destination, error=str(error))
                for contact in contacts:
                    self.add(destination, contact)
                return marked
        return marked


class _Handler(tornado.web.RequestHandler):
    """Answers a form at once."""

    def initialize(self, named: Named, names: Mapping[str, str], secret: str) -> None:
        """*names* are the tables' names of destinations, by those of the configuration."""
        self.named, self.names, self.secret = named, names, secret

    def post(self, name: str, secret: str) -> None:
        """Note whom a form names; nobody learns whether a destination is there without its secret."""
        if not hmac.compare_digest(secret.encode(), self.secret.encode()) or name not in self.names:
            raise tornado.web.HTTPError(404)
        self.named.add(self.names[name], self.get_body_argument("contact[id]", ""))
        self.finish({"ok": True})

    def log_exception(self, *_: Any) -> None:
        """Say nothing: what is sent here may be anything."""


def application(named: Named, *, names: Mapping[str, str], secret: str) -> tornado.web.Application:
    """Return the door: ``POST /activecampaign/NAME/SECRET``."""
    given = {"named": named, "names": names, "secret": secret}
    return tornado.web.Application(
        [(r"/activecampaign/([-\w]+)/([-\w]+)", _Handler, given)], log_function=lambda _: None
    )


async def serve(
    door: tornado.web.Application, named: Named, *, port: int, host: str, stop: asyncio.Event
) -> None:
    """Serve until *stop* is set; whoever was named by then is marked."""
    server = tornado.httpserver.HTTPServer(door, max_body_size=MOST_BYTES, max_buffer_size=MOST_BYTES * 2)
    server.listen(port, host)
    log.info("webhooks_open", port=port)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)
        except TimeoutError:
            await asyncio.to_thread(named.flush)
    server.stop()
    await asyncio.to_thread(named.flush)


@click.command()
@click.option("--port", type=int, default=8085, show_default=True, help="where it listens")
@click.option("--host", default="0.0.0.0", show_default=True, help="at which address")  # noqa: S104 - a proxy stands before it
@reports_errors
def webhooks(*, port: int, host: str) -> None:
    """Take webhooks of ActiveCampaign: who is named has their consent looked at, sooner than in turn."""
    box = container()
    if not box.settings.webhook_secret:
        raise ConfigurationError(
            "CT_AC_SYNC_WEBHOOK_SECRET is not set: without it anybody could ask for looks", cause="settings"
        )
    named = Named({name: watch.mark for name, watch in box.watches.items()})
    names = {each.name: each.host for each in box.settings.configuration.destinations}
    door = application(named, names=names, secret=box.settings.webhook_secret)
    asyncio.run(_until_told(door, named, port=port, host=host))


async def _until_told(door: tornado.web.Application, named: Named, *, port: int, host: str) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    await serve(door, named, port=port, host=host, stop=stop)
