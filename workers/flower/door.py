"""
The one door to Flower's internals: whatever we use of them is named here.

None of it is a promise of Flower's.  Hence the pin in ``pyproject.toml``, and a test for
each name in ``tests/operate/test_flower_contract.py``.
"""

from typing import TYPE_CHECKING, Any

import flower.urls  # type: ignore[import-untyped]
import flower.views  # type: ignore[import-untyped]
import flower.views.broker  # type: ignore[import-untyped]
from flower.options import default_options  # type: ignore[import-untyped]
from tornado.routing import URLSpec
from tornado.web import RequestHandler

#: What Flower routes; read when its application is made, in this order.
handlers: list[Any] = flower.urls.handlers
#: What Flower gives to Tornado; its application is made from these.
settings: dict[str, Any] = flower.urls.settings
#: Flower's options, from the command line, ``FLOWER_*`` and its configuration file.
options: Any = default_options

if TYPE_CHECKING:

    class FlowerHandler(RequestHandler):
        """Flower's base of all handlers, as far as we use it."""

    class FlowerBrokerHandler(FlowerHandler):
        """Flower's broker page, as far as we use it."""

        def get_active_queue_names(self) -> list[str]:
            """Return the queues to be shown."""
            ...

else:
    FlowerHandler = flower.views.BaseHandler
    FlowerBrokerHandler = flower.views.broker.BrokerView


def has_login() -> bool:
    """Whether Flower lets only those in who log in."""
    return bool(options.auth or options.basic_auth)


def place_of(name: str) -> int:
    """
    Return where the handler called *name* stands.

    Raises:
        LookupError: Flower has none of that name.
    """
    for place, spec in enumerate(handlers):
        if isinstance(spec, URLSpec) and spec.name == name:
            return place
    raise LookupError(f"Flower has no handler called {name!r}")
