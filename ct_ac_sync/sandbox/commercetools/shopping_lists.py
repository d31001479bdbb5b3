"""
What happens to shopping lists, of customers and of anonymous sessions.

What is added once more is no new line but a greater quantity, where variant and list are the same;
nobody takes over the list of an anonymous session but the shop that says so: a sign-in does not
(vendor: Shopping Lists; Migrate anonymous resources).
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from ct_ac_sync.sandbox.commercetools.catalogue import BY_KEY, GOODS, LOCALES, id_of, ref
from ct_ac_sync.sandbox.commercetools.floor import Floor, Way, timing_of
from ct_ac_sync.sandbox.commercetools.project import Resource

KIND = "shopping-list"
#: How long a list is kept that nobody changes, unless the project says otherwise (vendor: release notes, 2020-01-08).
DAYS = 360


class ShoppingLists:
    """The ways of shopping lists."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._project = floor.project

    def ways(self) -> Mapping[str, Way]:
        """Return what can happen, by kind."""
        return {
            "list": self.begin, "list_add": self.add, "list_change": self.change, "list_remove": self.remove,
            "list_sign_in": self.sign_in,
        }  # fmt: skip

    def begin(self, dice: random.Random, **given: Any) -> Resource | None:
        """
        Somebody begins a list: a `customer`, or nobody known.

        Args:
            given: Its `goods` (keys with quantities, and the number of a variant or null for whichever
                is the master), its `name`, its `store`, and since when its goods were `added`.
        """
        buyer = self._floor.pick("customer", dice, given["customer"]) if given.get("customer") else None
        goods = given["goods"] if "goods" in given else [_chosen(dice) for _ in range(dice.randrange(3))]
        who = {"customer": {"typeId": "customer", "id": buyer["id"]}} if buyer else {"anonymousId": self._project.new_id(KIND)}  # fmt: skip
        store = {"store": {"typeId": "store", "key": given["store"]}} if given.get("store") else {}
        resource = who | store | {
            "name": dict.fromkeys(LOCALES, given.get("name", "Wishes")), "textLineItems": [],
            "lineItems": self._with([], goods, given), "deleteDaysAfterLastModification": DAYS,
        }  # fmt: skip
        return self._project.add(KIND, resource, what="begun", **timing_of(given))

    def add(self, dice: random.Random, **given: Any) -> Resource | None:
        """Goods are put on a `list`, those given or some."""
        row = self._floor.pick(KIND, dice, given.get("list"))
        if row is None:
            return None
        lines = self._with(row["lineItems"], given.get("goods") or [_chosen(dice)], given)
        return self._floor.change(KIND, row, {"lineItems": lines}, "added", given)

    def change(self, dice: random.Random, **given: Any) -> Resource | None:
        """Of the goods of a `list`, an `item` or any, so many are wanted as its `quantity` says, or one more."""
        row = self._floor.pick(KIND, dice, given.get("list"), fits=_has_goods)
        if row is None:
            return None
        chosen = given.get("item") or dice.choice(row["lineItems"])["id"]
        lines = [
            each | {"quantity": given.get("quantity", each["quantity"] + 1)} if each["id"] == chosen else each
            for each in row["lineItems"]
        ]
        return self._floor.change(KIND, row, {"lineItems": lines}, "changed", given)

    def remove(self, dice: random.Random, **given: Any) -> Resource | None:
        """An `item` of a `list` is taken off, or any."""
        row = self._floor.pick(KIND, dice, given.get("list"), fits=_has_goods)
        if row is None:
            return None
        chosen = given.get("item") or dice.choice(row["lineItems"])["id"]
        lines = [each for each in row["lineItems"] if each["id"] != chosen]
        return self._floor.change(KIND, row, {"lineItems": lines}, "removed", given)

    def sign_in(self, dice: random.Random, **given: Any) -> Resource | None:
        """Somebody signs in, and the shop makes the list of nobody known theirs."""
        row = self._floor.pick(KIND, dice, given.get("list"), fits=lambda each: "customer" not in each)
        buyer = self._floor.pick("customer", dice, given.get("customer"))
        if row is None or buyer is None:
            return None
        changes = {"anonymousId": None, "customer": {"typeId": "customer", "id": buyer["id"]}}
        return self._floor.change(KIND, row, changes, "signed_in", given)

    def _with(
        self, lines: Sequence[Resource], goods: Sequence[Sequence[Any]], given: Mapping[str, Any]
    ) -> list[Resource]:
        """Return *lines* with *goods* added: to a line of the same variant, else as a new one."""
        found = [*lines]
        for key, quantity, *variant in goods:
            number = variant[0] if variant else 1
            same = (id_of("product", key), number)
            at = next((n for n, each in enumerate(found) if _variant(each) == same), None)
            if at is None:
                found.append(self._line(key, int(quantity), number, given))
            else:
                found[at] = found[at] | {"quantity": found[at]["quantity"] + int(quantity)}
        return found

    def _line(self, key: str, quantity: int, variant: int | None, given: Mapping[str, Any]) -> Resource:
        return {
            "id": self._project.new_id(KIND), "addedAt": given.get("added") or self._project.stamped(),
            "productId": id_of("product", key), "name": dict(BY_KEY[key].name), "quantity": quantity,
            "productType": ref("product-type", "goods"), "published": True,
            **({} if variant is None else {"variantId": variant}),
        }  # fmt: skip


def _variant(line: Resource) -> tuple[str, int | None]:
    """Return what makes lines one: a variant left open is not the same as the master (vendor)."""
    return line["productId"], line.get("variantId")


def _has_goods(row: Resource) -> bool:
    return bool(row["lineItems"])


def _chosen(dice: random.Random) -> tuple[str, int, int]:
    return dice.choice(GOODS).key, dice.choice((1, 1, 2)), dice.choice((1, 1, 2))
