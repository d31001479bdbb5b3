"""What a change costs once all is quiet: a few people are changed, and the accounts' own counts tell."""

from collections import Counter

from ct_ac_sync.cli.stage import Json, Stage, ask, say

#: How many people, and orders, each way of changing is tried on; few enough that no import is worth it.
TRIED = 5
#: What calls do that are counted.
DOING = {
    "contact": ("sync_contact", "update_contact", "import_contacts"), "tag": ("add_tag", "remove_tag"),
    "order": ("graphql",),
}  # fmt: skip


class Trial:
    """
    People and orders on whom it is tried, each way of changing on others.

    A contact's tags are read once after a load, before the first of them changes; so tags are
    changed twice, and the second time counts.
    """

    def __init__(self, on: Stage) -> None:
        self._on = on
        state = ask(on.shop, "state")
        usual = [each for each in state["customers"] if _is_usual(each)]
        self._promoted = [each for each in usual if _fields(each).get("tier") == "gold"][:TRIED]
        others = [each for each in usual if each not in self._promoted]
        self._renamed, self._touched = others[:TRIED], others[TRIED : 2 * TRIED]
        self._shipped = [each for each in state["orders"] if each["orderState"] == "Open"][:TRIED]

    def promote(self, tier: str = "silver") -> None:
        """Give some people another tier: a field, a tag that goes and a tag that comes."""
        for each in self._promoted:
            give(self._on, each, tier=tier)

    def run(self) -> bool:
        """Change everything, say what each change has cost, and whether that was one call."""
        before = self._spent()
        changed = self._change()
        is_settled = self._on.settle(seconds=120, what="steady state")
        spent = self._spent()
        spent.subtract(before)
        costs = {what: sum(spent.pop(each, 0) for each in names) for what, names in DOING.items()}
        for what, number in changed.items():
            each = f"{costs[what] / number:.1f} each"
            color = "green" if costs[what] <= number else "red"
            say(f"{number} {what}s changed: {costs[what]} calls, [bold {color}]{each}[/bold {color}]")
        others = {operation: calls for operation, calls in spent.items() if calls}
        say(
            f"{len(self._touched)} customers changed in what is sent nowhere: no call;"
            f" calls of other kinds: {others or 'none'}"
        )
        return is_settled and all(costs[what] <= number for what, number in changed.items())

    def _change(self) -> dict[str, int]:
        """Change each of them; return how many contacts, tags and orders have changed by that."""
        self.promote("gold")
        for number, each in enumerate(self._renamed):
            change(self._on, "customer", each, lastName=f"Renamed {number}")
        for each in self._touched:
            give(self._on, each, nickname="whom nobody tells")
        for each in self._shipped:
            change(self._on, "order", each, shipmentState="Ready")
        promoted = len(self._promoted)
        return {
            "contact": promoted + len(self._renamed),
            "tag": 2 * promoted,
            "order": len(self._shipped),
        }

    def _spent(self) -> Counter[str]:
        """Return the calls of all accounts so far, by what they did."""
        found = Counter[str]()
        for counts in self._on.counts().values():
            found.update({name: sum(calls.values()) for name, calls in counts["by_operation"].items()})
        return found


def change(on: Stage, kind: str, resource: Json, **changes: object) -> None:
    """Change something of the shop."""
    on.happen("change", kind=kind, id=resource["id"], changes=changes)


def give(on: Stage, customer: Json, **fields: object) -> None:
    """Give a customer values of custom fields; the others stay as they were when it was looked at."""
    custom = customer["custom"]
    change(on, "customer", customer, custom=custom | {"fields": custom["fields"] | fields})


def _fields(customer: Json) -> Json:
    found: Json = (customer.get("custom") or {}).get("fields", {})
    return found


def _is_usual(customer: Json) -> bool:
    """Whether somebody has a profile, belongs in an account, and is accepted there."""
    return bool(_fields(customer)) and not _fields(customer).get("isStaff") and "(" not in customer["email"]
