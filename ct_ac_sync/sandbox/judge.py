"""
The outside judge: compares both look-alikes entity by entity, by its own expectations.

It imports nothing of the product, knows nothing of its tables, and reads only the two
look-alikes' states and logs.  It says what was lost, doubled, or rests behind.
"""

import argparse
import json
import re
import sys
import urllib.request
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
UNACCEPTED = re.compile(r'["(),:;<>\[\]\\\s]')


def fetch(base: str, door: str) -> Any:
    """Return what a control door says."""
    with urllib.request.urlopen(f"{base}/_sandbox/{door}", timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def instant(text: str | None) -> datetime | None:
    """Return an instant."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def gross(order: Row) -> Decimal:
    """Return what the buyer pays, in major units."""
    money = (order.get("taxedPrice") or {}).get("totalGross") or order["totalPrice"]
    return Decimal(money["centAmount"]).scaleb(-money["fractionDigits"])


def status(order: Row) -> str:
    """Return the status an order must have there."""
    if order["orderState"] == "Cancelled":
        return "CANCELLED"
    payment = order.get("paymentState")
    if payment == "Failed":
        return "FAILED"
    if order["orderState"] == "Complete" or payment in ("Paid", "CreditOwed"):
        return "COMPLETED"
    return "PENDING_PAYMENT" if order["orderState"] == "Open" else "WAITING"


class Judge:
    """Holds one side against the other."""

    def __init__(self, source: str, destination: str, *, history: int, parked: set[str], kills: int) -> None:
        self._shop = fetch(source, "state")
        self._truth = fetch(source, "log")["entries"]
        self._account = fetch(destination, "state")
        self._effects = fetch(destination, "log")["entries"]
        self._calls = fetch(destination, "calls")["calls"]
        self._rules = fetch(destination, "faults")["rules"]
        self._history = history
        self._parked = parked
        self._kills = kills
        self.lost: list[str] = []
        self.doubled: list[str] = []
        self.behind: list[str] = []
        self.unexplained: list[str] = []
        self.excused: list[str] = []
        self.compared: Counter[str] = Counter()

    def judge(self) -> Row:
        """Return the verdict."""
        self._contacts()
        self._orders()
        self._triggers()
        faults = {k: getattr(self, k) for k in ("lost", "doubled", "behind", "unexplained")}
        return {
            "ok": not any(faults.values()), "compared": dict(self.compared), "excused": self.excused,
            **{name: found[:50] for name, found in faults.items()},
            "counts": {name: len(found) for name, found in faults.items()},
        }  # fmt: skip

    # -- contacts ---------------------------------------------------------------------

    def _refused(self, customer: Row) -> bool:
        """Whether the account does not take this person, by its own rules or a rule in force."""
        email = customer["email"]
        if UNACCEPTED.search(email.rpartition("@")[0]):
            return True
        patterns = [r["body"] for r in self._rules if r.get("status") == 422 and r.get("body")]
        return any(re.search(p, json.dumps(customer, ensure_ascii=False)) for p in patterns)

    def _contacts(self) -> None:
        by_email: dict[str, list[Row]] = defaultdict(list)
        for contact in self._account["contacts"]:
            by_email[contact["email"].strip().lower()].append(contact)
        self.doubled += [
            f"two contacts with one address: {[c['id'] for c in cs]}"
            for cs in by_email.values()
            if len(cs) > 1
        ]
        owners = Counter(c["fields"].get("CT_CUSTOMER_ID") for c in self._account["contacts"])
        self.doubled += [f"two contacts for customer {k}" for k, n in owners.items() if k and n > 1]
        sharing: dict[str, list[Row]] = defaultdict(list)
        for customer in self._shop["customers"]:
            sharing[customer["email"].strip().lower()].append(customer)
        for email, customers in sharing.items():
            customers.sort(key=lambda c: (c["createdAt"], c["id"]))
            self._contact(customers, by_email.get(email, []))
        for order in self._shop["orders"]:
            if not order.get("customerId") and order["customerEmail"].strip().lower() not in by_email:
                self.lost.append(f"guest of order {order['id']}")
            self.compared["guests"] += not order.get("customerId")

    def _contact(self, customers: list[Row], contacts: list[Row]) -> None:
        first = customers[0]
        self.compared["customers"] += len(customers)
        if self._refused(first):
            self.excused.append(f"customer {first['id']} is not accepted there")
            return
        if not contacts:
            self.lost.append(f"customer {first['id']}")
            return
        contact = contacts[0]
        wanted = {
            "firstName": " ".join(first.get("firstName", "").split()),
            "lastName": " ".join(first.get("lastName", "").split()),
            "phone": first["addresses"][0].get("phone", ""),
        }
        newest = max(c["lastModifiedAt"] for c in customers)
        fields = {
            "CT_CUSTOMER_ID": first["id"],
            "CT_LOCALE": first.get("locale", ""),
            "CT_LAST_MODIFIED": newest,
        }
        found = {k: contact[k] for k in wanted} | {k: contact["fields"].get(k, "") for k in fields}
        differing = {k: (found[k], v) for k, v in (wanted | fields).items() if found[k] != v}
        if differing:
            self.behind.append(f"customer {first['id']} (contact {contact['id']}): {differing}")

    # -- orders -----------------------------------------------------------------------

    def _orders(self) -> None:
        held = {o["storeOrderId"]: o for o in self._account["orders"]}
        counts = Counter(o["storeOrderId"] for o in self._account["orders"])
        self.doubled += [f"order {k} is there {n} times" for k, n in counts.items() if n > 1]
        customers = {c["id"]: c for c in self._shop["customers"]}
        for order in self._shop["orders"]:
            self.compared["orders"] += 1
            buyer = customers.get(order.get("customerId", ""))
            if buyer and self._refused(buyer):
                self.excused.append(f"order {order['id']} waits for its buyer")
            elif order["id"] not in held:
                self.lost.append(f"order {order['id']}")
            else:
                self._order(order, buyer, held[order["id"]])

    def _order(self, order: Row, buyer: Row | None, there: Row) -> None:
        email = (buyer["email"] if buyer else order["customerEmail"]).strip().lower()
        emails = {e["resource_state"]["email"].strip().lower() for e in self._history_of(buyer)} | {email}
        wanted = {
            "storeModifiedDate": instant(order["lastModifiedAt"]), "normalizedStatus": status(order),
            "finalAmount": gross(order), "currency": order["totalPrice"]["currencyCode"],
            "lines": len(order["lineItems"]),
        }  # fmt: skip
        found = {
            "storeModifiedDate": instant(there.get("storeModifiedDate")),
            "normalizedStatus": there.get("normalizedStatus"),
            "finalAmount": Decimal(str(there.get("finalAmount"))), "currency": there.get("currency"),
            "lines": len(there.get("lineItems") or []),
        }  # fmt: skip
        differing = {k: (str(found[k]), str(v)) for k, v in wanted.items() if found[k] != v}
        if str(there.get("email", "")).lower() not in emails:
            differing["email"] = ("another person's", "the buyer's")
        if differing:
            self.behind.append(f"order {order['id']}: {differing}")

    def _history_of(self, buyer: Row | None) -> list[Row]:
        if buyer is None:
            return []
        return [e for e in self._truth if e["resource"] == "customer" and e["id"] == buyer["id"]]

    # -- triggers ---------------------------------------------------------------------

    def _triggers(self) -> None:
        started = Counter(
            e["order"] for e in self._effects
            if e["kind"] == "automation_started" and e["trigger"] == "order_created"
        )  # fmt: skip
        others = [
            e
            for e in self._effects
            if e["kind"] == "automation_started" and e["trigger"] == "contact_imported"
        ]
        self.doubled += [f"an import started automations for contact {e['contact']}" for e in others]
        self.doubled += [f"order {k} started automations {n} times" for k, n in started.items() if n > 1]
        placed = [e for e in self._truth if e["kind"] == "order_created"]
        past = {e["id"] for e in placed if e["seq"] <= self._history}
        self.doubled += [f"order {k} of the past started automations" for k in started if k in past]
        waiting = {text.split()[1] for text in self.excused if text.startswith("order ")}
        unstarted_silently = 0
        over = self._cancelled_at_first_sight()
        for each in placed:
            id_ = each["id"]
            if id_ in past or started[id_] or id_ in waiting or id_ in over:
                continue
            self.compared["unstarted"] += 1
            if id_ not in self._parked:
                self.lost.append(f"order {id_} started no automation and is not parked")
            elif not self._was_faulted(id_):
                unstarted_silently += 1
        self.compared["triggers"] = sum(started.values())
        if unstarted_silently > self._kills:
            self.unexplained.append(
                f"{unstarted_silently} parked triggers, but only {self._kills} calls can have died unsent"
            )
        self.unexplained += [
            f"order {k} is parked but has started"
            for k in self._parked
            if started[k] and not self._was_faulted(k)
        ]

    def _cancelled_at_first_sight(self) -> set[str]:
        """Return the orders that were over when they arrived there: they start nothing."""
        first: dict[str, str] = {}
        for each in self._effects:
            if each["kind"] == "order_created":
                first.setdefault(each["storeOrderId"], each["status"])
        cancelled = {o["id"] for o in self._shop["orders"] if o["orderState"] == "Cancelled"}
        return {id_ for id_, status in first.items() if status == "CANCELLED"} & cancelled

    def _was_faulted(self, order: str) -> bool:
        """Whether a call with this order met a fault."""
        return any(
            c["fault"] and c["operation"] == "graphql" and order in json.dumps(c["request_body"])
            for c in self._calls
        )


def main() -> None:
    """Print the verdict as JSON; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commercetools", required=True)
    parser.add_argument("--activecampaign", required=True)
    parser.add_argument("--history", type=int, default=0, help="last seq of the shop's log that is past")
    parser.add_argument("--parked", default="", help="ids of orders whose trigger is parked, by commas")
    parser.add_argument("--kills", type=int, default=0, help="calls that can have died before they were sent")
    given = parser.parse_args()
    parked = set(filter(None, given.parked.split(",")))
    judge = Judge(
        given.commercetools, given.activecampaign, history=given.history, parked=parked, kills=given.kills
    )
    verdict = judge.judge()
    json.dump(verdict, sys.stdout, indent=1, ensure_ascii=False)
    sys.exit(0 if verdict["ok"] else 1)


if __name__ == "__main__":
    main()
