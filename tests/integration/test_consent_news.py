"""News of consent from the account: by webhooks that may lie or not come, and by looking in turn."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from tornado.testing import bind_unused_port
from world import World

from ct_ac_sync.cli.webhooks import Named, application, serve
from tests.integration.test_consent_stories import ANN, ConsentWorld, configuration

SECRET = "a-secret-that-nobody-guesses"
FORM = {"type": "unsubscribe", "date_time": "2026-03-01T10:00:00-06:00", "initiated_from": "public"}


@pytest.fixture(name="told")
def _told(world_of: Callable[..., World]) -> ConsentWorld:
    """Give a world in which somebody is on the list, and memberships are looked at every second."""
    world = ConsentWorld(world_of(configuration(), CT_AC_SYNC_FROM="now", CT_AC_SYNC_CONSENT_SECONDS="1"))
    world.run()
    world.sign_up(newsletter=True)
    world.run()
    assert world.status() == "1"
    return world


@pytest.fixture(name="door")
def _door(told: ConsentWorld) -> Iterator[tuple[str, Named]]:
    """Give the address of the door, and whom it was told of."""
    box = told.world.box
    named = Named({name: watch.mark for name, watch in box.watches.items()})
    socket, port = bind_unused_port()
    socket.close()
    ready, loops = threading.Event(), []

    def run() -> None:
        async def main() -> None:
            stop = asyncio.Event()
            loops.append((asyncio.get_running_loop(), stop))
            names = {"main": told.world.account_name}
            door = application(named, names=names, secret=SECRET)
            asyncio.get_running_loop().call_later(0.1, ready.set)
            await serve(door, named, port=port, host="127.0.0.1", stop=stop)

        asyncio.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    yield f"http://127.0.0.1:{port}/activecampaign/main/{SECRET}", named
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)


def _send(url: str, **form: Any) -> int:
    return requests.post(url, data=FORM | form, timeout=30).status_code


def _looks(told: ConsentWorld) -> int:
    return sum(told.account.counts().get("list_contact_lists", {}).values())


class TestTurns:
    def test_who_left_is_seen_in_turn(self, told: ConsentWorld):
        """Who left there is known to have left a look later, though nothing told of it."""
        told.leave()
        told.world.pass_time(told.world.settings.consent_every)
        told.world.box.settle.settle_due()
        told.world.drain()

        assert told.ledger()[-2] == ("seen", "unsubscribed")
        assert told.status() == "2"

    def test_our_own_writes_are_no_news(self, told: ConsentWorld):
        """What we did ourselves is looked at by nobody."""
        looks = _looks(told)
        told.world.pass_time(told.world.settings.consent_every)
        told.world.box.settle.settle_due()
        told.world.drain()

        assert _looks(told) == looks

    def test_who_is_to_be_looked_at_already_is_not_wanted_anew(self, told: ConsentWorld):
        """Whom somebody names while a look is still owed keeps the time of that look."""
        watch, contact = told.world.box.watches[told.world.account_name], told.contact()
        assert watch.mark([contact]) == 1
        wanted = "SELECT wanted, next_at FROM entry WHERE operation = 'set_consent'"
        before = told.world.sql(wanted)

        told.world.pass_time(timedelta(seconds=5))

        assert watch.mark([contact]) == 0
        assert told.world.sql(wanted) == before


class TestDoor:
    def test_who_is_named_is_looked_at(self, told: ConsentWorld, door: tuple[str, Named]):
        """A webhook has its contact looked at, and the ledger knows what was seen."""
        url, named = door
        told.leave()

        assert _send(url, **{"contact[id]": told.contact(), "contact[email]": ANN}) == 200
        named.flush()
        told.world.drain()

        assert ("seen", "unsubscribed") in told.ledger()

    def test_a_lie_changes_nothing(self, told: ConsentWorld, door: tuple[str, Named]):
        """A webhook that says of somebody what is not so has them looked at, and that is all."""
        url, named = door

        _send(url, **{"contact[id]": told.contact(), "contact[email]": "eve@example.com", "list": "99"})
        named.flush()
        told.world.drain()

        assert told.status() == "1"
        assert told.moves() == [(None, "1")]

    @pytest.mark.parametrize(
        "form", [{}, {"contact[id]": "1' OR 1=1"}, {"contact[id]": "9" * 40}, {"contact[id]": "404"}]
    )
    def test_garbage_is_taken_and_names_nobody(
        self, told: ConsentWorld, door: tuple[str, Named], form: dict[str, str]
    ):
        """What names nobody is answered like anything else, and asks for nothing."""
        url, named = door

        assert _send(url, **form) == 200
        assert named.flush() == 0

    def test_without_the_secret_there_is_no_door(self, told: ConsentWorld, door: tuple[str, Named]):
        """Another secret, or another destination, is answered as if nothing were there."""
        url, named = door

        assert _send(url[:-1] + "x", **{"contact[id]": told.contact()}) == 404
        assert _send(url.replace("/main/", "/other/"), **{"contact[id]": told.contact()}) == 404
        assert named.flush() == 0

    def test_a_flood_is_one_look(self, told: ConsentWorld, door: tuple[str, Named]):
        """However many webhooks name somebody, they are looked at once."""
        url, named = door
        looks, contact = _looks(told), told.contact()
        with requests.Session() as session:
            for _ in range(300):
                session.post(url, data=FORM | {"contact[id]": contact}, timeout=30)
        named.flush()
        told.world.drain()

        assert 1 <= _looks(told) - looks <= 3
