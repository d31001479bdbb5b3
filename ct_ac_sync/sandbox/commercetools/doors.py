"""
The shop's doors below ``/_sandbox/shop``: each a POST with a JSON object.

===========  ==========================================================================
``fill``     Make a past: ``customers``, ``orders``, ``seed``, ``guests`` (share),
             ``shapes`` (of orders: a list, ``usual`` or ``every``), ``paid`` (share).
``live``     Let things happen: ``per_second``, ``seed``, ``shapes``, and ``besides`` (nothing, carts,
             everything): what happens now and then with them.
``rest``     Let nothing happen any more; says what has happened.
``step``     Let ``count`` things happen: ``seed``, ``shapes``, ``besides``.
``do``       Let one ``kind`` of thing happen, with its own values (modules ``shop``, ``carts``,
             ``shopping_lists``, ``fulfilment`` and ``till``).
``put``      Put a resource as it is: ``kind`` (what references call it) and ``body``.
             One with the id of another replaces it, as its next version.
``change``   Change a resource: ``kind``, ``id`` or ``key``, and ``changes``, of which null
             takes a field away.  A product's data is changed and published by the kind
             ``product-projection``.
``remove``   Delete a resource: ``kind``, ``id`` or ``key``.
===========  ==========================================================================

What is put is not looked at: a test makes the case it needs.  ``do``, ``put`` and
``change`` take ``visible_after_seconds`` and ``stamp_behind_seconds``.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from ct_ac_sync.sandbox.commercetools.floor import timing_of
from ct_ac_sync.sandbox.commercetools.kinds import KINDS
from ct_ac_sync.sandbox.commercetools.project import Project, Resource
from ct_ac_sync.sandbox.commercetools.projection import product_of, projection_of, republished
from ct_ac_sync.sandbox.commercetools.shapes import shapes_named
from ct_ac_sync.sandbox.commercetools.shop import BESIDES, BROWSING, Shop, counted
from ct_ac_sync.sandbox.service import Reply, Request, Service

Given = dict[str, Any]

#: How people live unless told otherwise.
USUALLY: Given = {"shapes": "usual", "besides": "carts"}


def open_doors(service: Service, project: Project, shop: Shop, *, seed: int) -> None:
    """Add the shop's doors to a look-alike."""
    life, shelf = _Life(shop, seed), _Shelf(project)
    doors: Mapping[str, Callable[[Given], Any]] = {
        "fill": life.fill, "live": life.live, "rest": life.rest, "step": life.step, "do": life.do,
        "put": shelf.put, "change": shelf.change, "remove": shelf.remove,
    }  # fmt: skip
    for name, door in doors.items():
        service.control("POST", f"/shop/{name}", _answering(door))
    _open_messages(service, project)


def _open_messages(service: Service, project: Project) -> None:
    """Add the doors of the project's messages and of the log of what happened."""
    told = project.messages
    for name, door in (("", told.switch), ("/lose", told.lose), ("/put", told.put)):
        service.control("POST", f"/messages{name}", _answering(door))
    service.control("GET", "/messages", lambda _: Reply(200, told.show()))
    service.control("GET", "/happened", lambda _: Reply(200, project.happened.entries))


def _answering(door: Callable[[Given], Any]) -> Callable[[Request], Reply]:
    """Return a door as an endpoint: what it cannot understand is 400, and nobody to do it 409."""

    def answer(request: Request) -> Reply:
        try:
            found = door(dict(request.json() or {}))
        except (KeyError, TypeError, ValueError) as error:
            return Reply(400, {"message": f"{type(error).__name__}: {error}"})
        return Reply(409, {"message": "there is nobody to do it"}) if found is None else Reply(200, found)

    return answer


class _Life:
    """The doors by which things happen."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self._shop = shop
        self._dice = random.Random(seed)
        self._living: asyncio.Task[None] | None = None
        self._lived: list[str] = []

    def fill(self, given: Given) -> Any:
        asked: Given = {"customers": 300, "orders": 600, "seed": 1, "shapes": "usual"} | given
        return self._shop.fill(**asked | {"shapes": shapes_named(asked["shapes"])})

    def live(self, given: Given) -> Any:
        asked: Given = {"per_second": 4, "seed": 1} | USUALLY | given
        life = self._live(float(asked["per_second"]), random.Random(int(asked["seed"])), _surroundings(asked))
        self._stop()
        self._lived = []
        self._living = asyncio.get_running_loop().create_task(life)
        return {"living": True}

    async def _live(self, per_second: float, dice: random.Random, surroundings: Given) -> None:
        while True:
            await asyncio.sleep(1 / per_second)
            self._lived.append(self._shop.happen(dice, **surroundings))

    def _stop(self) -> None:
        if self._living is not None:
            self._living.cancel()
            self._living = None

    def rest(self, given: Given) -> Any:
        del given
        self._stop()
        return {"happened": counted(self._lived)}

    def step(self, given: Given) -> Any:
        asked: Given = {"count": 1, "seed": 1} | USUALLY | given
        dice, surroundings = random.Random(asked["seed"]), _surroundings(asked)
        return {"happened": counted([self._shop.happen(dice, **surroundings) for _ in range(asked["count"])])}

    def do(self, given: Given) -> Resource | None:
        return self._shop.do(given.pop("kind"), self._dice, **given)


def _surroundings(asked: Given) -> Given:
    """Return what is said of a life besides its dice; a richness that is none is a KeyError."""
    found = BESIDES[asked["besides"]], BROWSING[asked["besides"]]
    return {"shapes": shapes_named(asked["shapes"]), "besides": found[0], "browsing": found[1]}


class _Shelf:
    """The doors by which resources are put, changed and taken away."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def put(self, given: Given) -> Resource:
        kind = KINDS[given["kind"]]
        body = {name: value for name, value in given["body"].items() if value is not None}
        row = product_of(body) if kind.name == "product-projection" else body
        held = self._project.shelves[kind.shelf].by_id.get(row.get("id", ""))
        if held is None:
            return self._shown(given, self._project.add(kind.shelf, row, what="put", **timing_of(given)))
        return self._change(
            given, held, dict.fromkeys(held) | {"createdAt": held["createdAt"]} | row, what="put"
        )

    def change(self, given: Given) -> Resource:
        held, changes = self._held(given), given["changes"]
        if given["kind"] == "product-projection":
            changes = republished(held, changes)
        return self._change(given, held, changes, what="changed")

    def remove(self, given: Given) -> Resource:
        held = self._held(given)
        return self._shown(given, self._project.delete(KINDS[given["kind"]].shelf, held["id"]))

    def _change(self, given: Given, held: Resource, changes: Mapping[str, Any], *, what: str) -> Resource:
        shelf, id_ = KINDS[given["kind"]].shelf, held["id"]
        row = self._project.change(shelf, id_, {**changes, "id": id_}, what=what, **timing_of(given))
        return self._shown(given, row)

    def _held(self, given: Given) -> Resource:
        by_id = self._project.shelves[KINDS[given["kind"]].shelf].by_id
        if "key" in given:
            return {row.get("key"): row for row in by_id.values()}[given["key"]]
        return by_id[given["id"]]

    def _shown(self, given: Given, row: Resource) -> Resource:
        """Return a resource as its kind is read; of a product that is not published, what is staged."""
        return projection_of(row, is_staged=True) or row if given["kind"] == "product-projection" else row
