"""Mounts our pages into the Flower that this process becomes, before it is made."""

import sys
from typing import Any

import click
from celery import signals
from tornado.web import url

from workers.flower import door
from workers.flower.broker import BrokerPage
from workers.flower.listening import LOOPBACK, refusal
from workers.flower.pages import PAGES
from workers.flower.templates import Overlay

#: Of a process that cannot run until somebody has acted; the command line's own is the same.
COULD_NOT = 2


def mount() -> None:
    """Let Flower route to our pages, look for templates at ours first, and listen on loopback."""
    if isinstance(door.settings.get("template_loader"), Overlay):
        return
    door.settings["template_loader"] = Overlay(PAGES)
    door.handlers[door.place_of("broker")] = url(r"/broker", BrokerPage, name="broker")
    # Before the last of Flower's, which answers whatever nobody else does.
    place = len(door.handlers) - 1
    door.handlers[place:place] = [url(page.pattern, page.handler, name=page.name) for page in PAGES]
    # Options that are given come later, and win.
    door.options.address = LOOPBACK
    signals.import_modules.connect(refuse_to_stand_open, weak=False)


def refuse_to_stand_open(**_: Any) -> None:
    """
    End a Flower that others could reach without a login.

    Flower imports the application's modules when it knows all its options, and before it
    listens.
    """
    options = door.options
    why = refusal(
        address=options.address, unix_socket=options.unix_socket, auth=options.auth,
        basic_auth=options.basic_auth or (),
    )  # fmt: skip
    if why is not None:
        click.echo(f"ct-ac-sync: {why}", err=True)
        sys.exit(COULD_NOT)
