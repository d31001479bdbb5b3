"""
The hook by which the stock command ``celery -A workers.app flower`` gets our pages.

Celery adds an application's *preload* options to each of its commands, those of plugins
included, and click calls an option's callback once the command is chosen and before it
runs.  So a hidden option tells us that this process becomes Flower, and only then Flower
is imported.
"""

from typing import Any

import click

#: The name of Flower's command.
FLOWER = "flower"


def mount_into_flower(context: click.Context, _: click.Parameter, value: Any) -> Any:
    """Mount our pages if the command that was chosen is Flower."""
    if context.info_name == FLOWER:
        from workers.flower.mount import mount  # noqa: PLC0415 - no other process needs Flower

        mount()
    return value


with_our_pages = click.Option(
    ["--with-our-pages"], is_flag=True, hidden=True, expose_value=False, callback=mount_into_flower
)
