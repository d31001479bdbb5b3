"""The shop floor: what everybody who lets something happen there shares."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ct_ac_sync.sandbox.commercetools.people import Place
from ct_ac_sync.sandbox.commercetools.project import Project, Resource

#: A way in which something happens; None where there is nobody to do it.
Way = Callable[..., Resource | None]


class Floor:
    """
    The project, whom and what to pick in it, and names for what is made up.

    Attributes:
        freed: Addresses that somebody gave up.
        number: The last that was given to somebody or something.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.freed: list[str] = []
        self.number = 0

    @property
    def aside(self) -> random.Random:
        """The dice for profiles, shapes and payments."""
        return self.project.aside

    def next_number(self) -> int:
        """Return a number that nobody had before."""
        self.number += 1
        return self.number

    def pick(
        self,
        kind: str,
        dice: random.Random,
        id_: str | None,
        *,
        needs: Mapping[str, str] | None = None,
        fits: Callable[[Resource], bool] = lambda _: True,
    ) -> Resource | None:
        """Return the resource of an id, or one with these values that fits; None where there is none."""
        by_id = self.project.shelves[kind].by_id
        if id_ is not None:
            return by_id[id_]
        ids = list(by_id)
        for _ in range(20 if ids else 0):
            resource = by_id[dice.choice(ids)]
            if all(resource.get(name) == value for name, value in (needs or {}).items()) and fits(resource):
                return resource
        return None

    def change(
        self, kind: str, resource: Resource, changes: Mapping[str, Any], what: str, given: Mapping[str, Any]
    ) -> Resource:
        """Change a resource, seen when the caller says."""
        return self.project.change(kind, resource["id"], changes, what=what, **timing_of(given))

    def payments(self, owner: Resource) -> Sequence[Resource]:
        """Return the payments of an order or cart that are still there; of one made elsewhere, none."""
        by_id = self.project.shelves["payment"].by_id
        references = (owner.get("paymentInfo") or {}).get("payments", [])
        return [by_id[each["id"]] for each in references if each["id"] in by_id]

    def email(self, dice: random.Random, first: str, last: str) -> str:
        """Return an address of somebody."""
        number = self.next_number()
        name = f"{first}.{last}".encode("ascii", "ignore").decode().replace("'", "").replace("-", "")
        text = f"{name or 'x'}.{number}@{dice.choice(('example.org', 'example.net', 'mail.example.com'))}"
        return text if dice.random() < 0.3 else text.lower()

    def address(self, dice: random.Random, place: Place, first: str, last: str) -> dict[str, Any]:
        """Return where somebody lives."""
        return {
            "firstName": first, "lastName": last, "streetName": place.street,
            "streetNumber": str(dice.randrange(1, 99)), "postalCode": place.postal_code, "city": place.city,
            "country": place.country, "phone": f"+49 30 {dice.randrange(100000, 999999)}",
        }  # fmt: skip


def names_of(customer: Resource) -> tuple[str, str]:
    """Return first and last name; whom the API made may lack them."""
    return customer.get("firstName", ""), customer.get("lastName", "")


def timing_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return when queries shall see a write, and how far its stamp lies behind, as far as that was given."""
    names = ("visible_after_seconds", "stamp_behind_seconds")
    return {name: float(given[name]) for name in names if given.get(name) is not None}
