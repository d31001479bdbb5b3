"""
The hook by which the stock command ``celery -A workers.app flower`` gets our pages.

Celery adds an application's *preload* options to each of its commands, those of plugins
included, and click calls an option's callback once the command is chosen and before it
runs.  So a hidden option tells us that this process becomes Flower, and only then Flower
is imported.
"""

from importlib import import_module
from typing import Any

import click

#: The name of Flower's command.
FLOWER = "flower"


def mount_into_flower(context: click.Context, _: click.Parameter, value: Any) -> Any:
    """Mount our pages if the command that was chosen is Flower."""
    if context.info_name == FLOWER:
        # By name, as the application includes its modules: no import runs backwards.
        import_module("workers.flower.mount").mount()
    return value


with_our_pages = click.Option(
    ["--with-our-pages"], is_flag=True, hidden=True, expose_value=False, callback=mount_into_flower
)
