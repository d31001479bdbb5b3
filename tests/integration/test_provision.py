"""Provisioning: fields and connections are made by one process at a time, and finished by any."""

from collections.abc import Callable
from typing import Any

import pytest
from configurations import PROFILE, SHOP, route
from world import World

Making = Callable[..., World]

FIELDS = "".join(
    f'\n[[fields]]\nperstag = "{perstag}"\ntitle = "{perstag}"\nfrom = "customer.id"\n'
    for perstag in ("CT_ONE", "CT_TWO", "CT_THREE")
)
CONFIGURED = SHOP + route("all", "main") + PROFILE + FIELDS


class _OutOfTimeError(BaseException):
    """The task has used up its time: nothing of ours catches it."""


class TestOutOfTime:
    def test_the_next_goes_on_at_once_with_what_was_made(self, world_of: Making):
        """A task that ends while it makes fields lets go, and the next makes those that are missing."""
        world = world_of(CONFIGURED)
        world.shop.do("sign_up", email="ann@example.org")
        world.read()
        client, made = world.destination, list[Any]()
        real = client._request

        def request(*given: Any, **known: Any) -> Any:
            if known["operation"] == "create_field":
                made.append(given)
                if len(made) == 2:
                    raise _OutOfTimeError
            return real(*given, **known)

        client._request = request
        with pytest.raises(_OutOfTimeError):
            world.deliver_due()
        client._request = real

        layout = world.box.accounts[world.account_name].provision.layout()

        assert set(layout.fields) == {"CT_ONE", "CT_TWO", "CT_THREE"}
        assert world.account.counts()["create_field"] == {"201": 3}
