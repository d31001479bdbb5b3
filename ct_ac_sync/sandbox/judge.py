"""
The outside judge: compares the look-alikes entity by entity, by its own expectations.

It imports nothing of the product, knows nothing of its tables, and reads only the
look-alikes' states and logs.  It says what was lost, doubled, or rests behind, and, where
there are several accounts, what went astray.

Which customers and orders belong in which account it is told in terms of its own: that of
their group, else the first one; nowhere where a custom field says yes.  What contacts and
orders must look like is written here once more, for the configuration of nobody (`default`)
and for the worked example that the demo runs (`example`).
"""

import argparse
import json
import re
import sys
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
#: What happens when money goes back.
MONEY_BACK = ("refunded", "chargeback")
#: What must be there: a text, or what a text must read as.
Wanted = str | Decimal | datetime
UNACCEPTED = re.compile(r'["(),:;<>\[\]\\\s]')
BERLIN = ZoneInfo("Europe/Berlin")
#: For how long somebody who has ordered is a recent buyer, by the worked example.
RECENT = timedelta(days=30)


def fetch(base: str, door: str) -> Any:
    """Return what a control door says."""
    with urllib.request.urlopen(f"{base}/_sandbox/{door}", timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def instant(text: str | None) -> datetime | None:
    """Return an instant."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def amount(money: Row) -> Decimal:
    """Return an amount in major units."""
    return Decimal(money["centAmount"]).scaleb(-money["fractionDigits"])


def folded(email: str) -> str:
    """Return an address as it is compared."""
    return email.strip().lower()


def reads_as(found: str, wanted: Wanted) -> bool:
    """Whether what an account shows is what must be there."""
    try:
        match wanted:
            case Decimal():
                return Decimal(found) == wanted
            case datetime():
                return instant(found) == wanted
            case _:
                return found == wanted
    except (ArithmeticError, ValueError):
        return False


# -- what the shop says -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """Which account a group's customers and orders belong in, the one of all others, and whom none has."""

    first: str
    groups: Mapping[str, str]
    nowhere: str = ""


class Shop:
    """What the shop says, and what follows from it by the judge's own arithmetic."""

    def __init__(self, state: Row, log: Sequence[Row], rules: Rules, happened: Sequence[Row] = ()) -> None:
        """*happened* is the shop's log of what happened."""
        self._happened = happened
        self.customers: list[Row] = state["customers"]
        self.orders: list[Row] = state["orders"]
        self.log = log
        self._rules = rules
        self._kinds = {kind: {r["id"]: r for r in rows} for kind, rows in state.items() if kind != "deleted"}
        self._by_id = self._kinds["customers"]

    @property
    def brought_in(self) -> set[str]:
        """Orders that are of the past, though they may be new: they were imported."""
        return {
            each["id"] for each in self._happened if each["what"] == "order_placed" and each["historical"]
        }

    @property
    def strangers(self) -> set[str]:
        """Return the addresses of people of whom no more is known than a cart."""
        return {folded(each["customerEmail"]) for each in self._kinds["carts"].values() if each.get("customerEmail")}  # fmt: skip

    def seen(self, kind: str, id_: str) -> Row:
        """Return a resource of the shop; nothing where it is gone."""
        found: Row = self._kinds.get(kind, {}).get(id_, {})
        return found

    def buyer(self, order: Row) -> Row | None:
        """Return the customer of an order; None of a guest's."""
        return self._by_id.get(order.get("customerId", ""))

    def group(self, record: Row) -> str:
        """Return the key of the group of a customer or order."""
        id_ = (record.get("customerGroup") or {}).get("id", "")
        return str(self.seen("customer-groups", id_).get("key", ""))

    def home(self, record: Row) -> str:
        """
        Return the account that a customer or order belongs in; nothing where none has it.

        What an order does not say, its customer does.
        """
        asked = [record, self.buyer(record) or {}]
        said = [(each.get("custom") or {}).get("fields", {}).get(self._rules.nowhere) for each in asked]
        if next((each for each in said if each is not None), False) is True:
            return ""
        group = next(filter(None, map(self.group, asked)), "")
        return self._rules.groups.get(group, self._rules.first)

    def returned(self, order: Row) -> Decimal:
        """Return what went back of an order's payments: what the merchant gave, and what a bank took."""
        return self.moved(order, "Refund") + self.moved(order, "Chargeback")

    def moved(self, order: Row, kind: str) -> Decimal:
        """Return what an order's payments have moved, one way or the other."""
        payments = (order.get("paymentInfo") or {}).get("payments", [])
        return sum(
            (
                amount(each["amount"])
                for payment in payments
                for each in self.seen("payments", payment["id"]).get("transactions", [])
                if each["type"] == kind and each["state"] == "Success"
            ),
            Decimal(0),
        )

    def given_back(self, orders: Iterable[Row]) -> Decimal | str:
        """Return what was given back last on *orders*, by the shop's log of what happened; nothing where nothing was."""
        ids = {order["id"] for order in orders}
        back = [each for each in self._happened if each["what"] in MONEY_BACK and each.get("order") in ids]
        last = max(back, key=lambda each: (each["at"], each["id"], each["transaction"]), default=None)
        return amount(last["amount"]) if last else ""

    def refund(self, order: Row) -> str:
        """Return how much of what was paid went back: nothing, a part, or all."""
        back, paid = self.returned(order), self.moved(order, "Charge")
        if not back:
            return "none"
        return "full" if back >= min(paid or gross(order), gross(order)) else "partial"

    def final(self, order: Row) -> Decimal:
        """Return what an order comes to: what the buyer pays, less what was given back in part."""
        back = self.returned(order) if self.refund(order) == "partial" else Decimal(0)
        return sum_of_parts(order) - back

    def text(self, texts: Mapping[str, str], locale: str) -> str:
        """Return a text in a language, or the first there is of those to fall back on."""
        return next((texts[each] for each in (locale, "en-GB", "de-DE", "fr-CH") if each in texts), "")

    def category(self, line: Row, locale: str) -> str:
        """Return the path of the first category of what was bought, root first."""
        product = self.seen("products", line.get("productId", "")).get("masterData", {}).get("current", {})
        leaf = next((self.seen("categories", each["id"]) for each in product.get("categories", [])), {})
        above = [self.seen("categories", each["id"]) for each in leaf.get("ancestors", [])]
        return " > ".join(self.text(each["name"], locale) for each in (*above, leaf) if each)

    def label(self, name: str, key: str, locale: str) -> str:
        """Return what people read for a key of a custom field."""
        for type_ in self._kinds.get("types", {}).values():
            for definition in type_["fieldDefinitions"]:
                if definition["name"] == name:
                    kind = definition["type"].get("elementType", definition["type"])
                    labels = {each["key"]: each["label"] for each in kind["values"]}
                    label = labels.get(key, key)
                    return label if isinstance(label, str) else self.text(label, locale)
        return key


def gross(order: Row) -> Decimal:
    """Return what the buyer pays, as the order says it."""
    return amount((order.get("taxedPrice") or {}).get("totalGross") or order["totalPrice"])


def sum_of_parts(order: Row, *, is_taxed: bool = True) -> Decimal:
    """Return what lines, custom lines and shipping come to, less a discount on the total."""
    is_taxed = is_taxed and "taxedPrice" in order
    several = [each["shippingInfo"] for each in order.get("shipping", [])]
    shipped = several or [each for each in [order.get("shippingInfo")] if each]
    off = order.get("discountOnTotalPrice") or {}
    taken = off.get("discountedGrossAmount" if is_taxed else "discountedAmount")
    parts = [*order["lineItems"], *order.get("customLineItems", []), *shipped]
    return sum((_price(each, is_taxed=is_taxed) for each in parts), -amount(taken) if taken else Decimal(0))


def _price(part: Row, *, is_taxed: bool) -> Decimal:
    if is_taxed and "taxedPrice" in part:
        return amount(part["taxedPrice"]["totalGross"])
    return amount(part.get("totalPrice") or (part.get("discountedPrice") or {}).get("value") or part["price"])


@dataclass(frozen=True, slots=True)
class Person:
    """
    Whom a contact is of.

    Attributes:
        speaker: The oldest of its customers that belong there, else its newest order.
        orders: That belong there and count.
        ordered: All that belong there, the oldest first, cancelled or not.
    """

    customers: Sequence[Row]
    speaker: Row
    orders: Sequence[Row]
    ordered: Sequence[Row]

    @property
    def newest(self) -> Row:
        """The newest order that belongs there; nothing where there is none."""
        return next(reversed(self.ordered), {})

    @property
    def is_guest(self) -> bool:
        """Whether it is no customer."""
        return not self.customers


# -- what must be there ---------------------------------------------------------------------


class Default:
    """What contacts and orders look like where nobody has configured anything."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def names(self, person: Person) -> dict[str, str]:
        """Return first name, last name and telephone."""
        place = person.speaker["billingAddress"] if person.is_guest else person.speaker
        home = place if person.is_guest else next(iter(person.speaker["addresses"]), {})
        found = {name: " ".join(place.get(name, "").split()) for name in ("firstName", "lastName")}
        return found | {"phone": home.get("phone", "")}

    def fields(self, person: Person) -> dict[str, Wanted]:
        """Return custom fields by perstag."""
        return {
            "CT_CUSTOMER_ID": person.speaker["id"],
            "CT_LOCALE": person.speaker.get("locale", ""),
            "CT_LAST_MODIFIED": max(each["lastModifiedAt"] for each in person.customers),
        }

    def tags(self, account: str, person: Person) -> set[str] | None:
        """Return the tags, or None where nothing is said of them."""
        del account, person
        return None

    def connection(self, account: str, order: Row) -> str | None:
        """Return the connection of an order, or None where nothing is said of it."""
        del account, order
        return None

    def goods(self, order: Row) -> list[tuple[str, str]] | None:
        """Return category path and brand of each line, or None where nothing is said of them."""
        del order
        return None

    def status(self, order: Row) -> str:
        """Return the status of an order."""
        refund, payment = self.shop.refund(order), order.get("paymentState")
        if order["orderState"] == "Cancelled":
            return "CANCELLED"
        if refund == "full":
            return "REFUNDED"
        if self.is_returned(order, refund):
            return "RETURNED"
        if payment == "Failed":
            return "FAILED"
        if order["orderState"] == "Complete" or payment in ("Paid", "CreditOwed"):
            return "COMPLETED"
        return "PENDING_PAYMENT" if order["orderState"] == "Open" else "WAITING"

    def is_returned(self, order: Row, refund: str) -> bool:
        """Whether an order counts as one that came back."""
        return refund == "none" and "Refunded" in _returns(order)


class Example(Default):
    """What they look like by the worked example."""

    def fields(self, person: Person) -> dict[str, Wanted]:
        """Return typed fields: choices, several of them, dates, times, numbers, money, references."""
        who: Row = {} if person.is_guest else person.speaker
        custom = (who.get("custom") or {}).get("fields", {})
        locale = person.speaker.get("locale") or "en-GB"
        stores = {"de": "Germany", "ch": "Switzerland"}
        names = (who.get("salutation"), who.get("lastName"))
        favourite = self.shop.seen("products", custom.get("favourite", {}).get("id", ""))
        return {
            "CT_CUSTOMER_ID": who.get("id", ""),
            "CT_CUSTOMER_NUMBER": who.get("customerNumber", ""),
            "CT_LOCALE": locale,
            "CT_GREETING": " ".join(str(each) for each in names) if all(names) else "",
            "CT_BIRTHDAY": who.get("dateOfBirth", ""),
            "CT_KIND": "Business" if self.shop.group(who) == "b2b" else "Private",
            "CT_TIER": self._labels("tier", custom, locale),
            "CT_STORES": bars(name for key, name in stores.items() if key in _stores(who)),
            "CT_INTERESTS": self._labels("interests", custom, locale),
            "CT_TONE": self._labels("tone", custom, locale),
            "CT_FAVOURITE": self.shop.text(_name(favourite), locale),
            "CT_LAST_CATEGORY": self.shop.category(
                next(iter(person.newest.get("lineItems", [])), {}), locale
            ),
            "CT_POINTS": Decimal(str(custom["loyaltyPoints"])) if "loyaltyPoints" in custom else "",
            "CT_CREDIT": amount(custom["credit"]) if "credit" in custom else "",
            "CT_LAST_MODIFIED": "",
            "CT_LAST_REFUND": self.shop.given_back(person.ordered),
        } | self._sums(person)

    def _labels(self, name: str, custom: Row, locale: str) -> str:
        """Return the label of a choice; of several, those between bars, in the order of the options."""
        held = custom.get(name, "")
        if isinstance(held, str):
            return self.shop.label(name, held, locale) if held else ""
        return bars(self.shop.label(name, key, locale) for key in ("shoes", "home", "books") if key in held)

    def _sums(self, person: Person) -> dict[str, Wanted]:
        """Return what a person's orders come to, by currency."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for order in person.orders:
            back = self.shop.returned(order)
            sums[order["totalPrice"]["currencyCode"]] += sum_of_parts(order) - back
        moments = sorted(filter(None, (instant(order["createdAt"]) for order in person.orders)))
        found: dict[str, Wanted] = {f"CT_TOTAL_{code}": sums.get(code, "") for code in ("EUR", "CHF", "JPY")}
        return found | {
            "CT_ORDERS": Decimal(len(person.orders)),
            "CT_FIRST_ORDER": moments[0].astimezone(BERLIN).date().isoformat() if moments else "",
            "CT_LAST_ORDER": moments[-1].replace(microsecond=0) if moments else "",
        }

    def tags(self, account: str, person: Person) -> set[str] | None:
        """Return the tags, each after the prefix of its route."""
        who = person.speaker
        custom = (who.get("custom") or {}).get("fields", {})
        stores = _stores(who)
        country = who.get("country") or next((a["country"] for a in who.get("addresses", [])), "")
        names = {"customer"} | {f"likes: {each}" for each in custom.get("interests", [])}
        names |= {f"pays in {order['totalPrice']['currencyCode']}" for order in person.orders}
        if custom.get("tier"):
            names.add(f"tier: {custom['tier']}")
        if self.shop.group(who) == "b2b" and who.get("companyName"):
            names.add(f"company: {who['companyName'].replace(',', '')}")
        if "de" in stores and country in ("AT", "CH", "FR", "GB"):
            names.add("cross-border")
        placed = instant(person.newest.get("createdAt"))
        if placed and placed + RECENT > datetime.now(UTC):
            names.add("recent buyer")
        prefix = "b2b/" if account == "business" else "ch/" if "ch" in stores else "de/"
        return {prefix + name for name in names}

    def connection(self, account: str, order: Row) -> str | None:
        """Return the connection by account and store."""
        if account == "business":
            return "Acme for business"
        return "Acme Switzerland" if "ch" in _stores(order) else "Acme"

    def goods(self, order: Row) -> list[tuple[str, str]] | None:
        """Return category path and brand of what was bought, in the language of the order."""
        return [
            (self.shop.category(line, order.get("locale", "")), _brand(line)) for line in order["lineItems"]
        ] + [("", "")] * len(order.get("customLineItems", []))

    def status(self, order: Row) -> str:
        """Return the status of an order; one that waits for its goods is waiting."""
        found = super().status(order)
        is_late = order.get("shipmentState") in ("Backorder", "Delayed")
        return "WAITING" if found == "PENDING_PAYMENT" and is_late else found

    def is_returned(self, order: Row, refund: str) -> bool:
        """Whether a part came back, and its money went."""
        return refund == "partial" and bool(_returns(order) & {"Refunded", "Initial"})


def bars(names: Iterable[str]) -> str:
    """Return several choices as a field holds them."""
    found = list(names)
    return f"||{'||'.join(found)}||" if found else ""


def _returns(order: Row) -> set[str]:
    return {item["paymentState"] for info in order.get("returnInfo", []) for item in info["items"]}


def _stores(record: Row) -> set[str]:
    return {each["key"] for each in (*record.get("stores", []), record.get("store")) if each}


def _brand(line: Row) -> str:
    brands = (each["value"]["label"] for each in line["variant"]["attributes"] if each["name"] == "brand")
    return next(brands, "")


def _name(product: Row) -> Mapping[str, str]:
    found: Mapping[str, str] = product.get("masterData", {}).get("current", {}).get("name", {})
    return found


# -- the comparison ---------------------------------------------------------------------------


class Account:
    """
    One account as it is, and what happened in it.

    Attributes:
        name: What the rules call it.
        clears: Whether an empty text clears a value there, which the vendor leaves open.
    """

    def __init__(
        self, name: str, *, state: Row, effects: Sequence[Row] = (), calls: Sequence[Row] = (),
        rules: Sequence[Row] = (), clears: bool = True,
    ) -> None:  # fmt: skip
        self.clears = clears
        self.name = name
        self.state, self.effects, self.calls = state, effects, calls
        self._patterns = [each["body"] for each in rules if each.get("status") == 422 and each.get("body")]
        self.connections = {str(each["id"]): each["externalid"] for each in state["connections"]}

    @classmethod
    def at(cls, name: str, base: str) -> "Account":
        """Return the account behind a look-alike."""
        return cls(
            name,
            state=fetch(base, "state"),
            effects=fetch(base, "log")["entries"],
            calls=fetch(base, "calls")["calls"],
            rules=fetch(base, "faults")["rules"],
            clears=fetch(base, "switches")["blank_clears"]["value"],
        )

    def refuses(self, customer: Row) -> bool:
        """Whether it does not take this person, by its own rules or a rule in force."""
        if UNACCEPTED.search(customer["email"].rpartition("@")[0]):
            return True
        return any(re.search(p, json.dumps(customer, ensure_ascii=False)) for p in self._patterns)

    def was_faulted(self, order: str) -> bool:
        """Whether a call with this order met a fault."""
        return any(
            c["fault"] and c["operation"] == "graphql" and order in json.dumps(c["request_body"])
            for c in self.calls
        )

    def started(self, trigger: str) -> Iterator[Row]:
        """Give the automations that a trigger has started."""
        for each in self.effects:
            if each["kind"] == "automation_started" and each["trigger"] == trigger:
                yield each

    def cancelled_at_first_sight(self, shop: Shop) -> set[str]:
        """Return the orders that were over when they arrived there: they start nothing."""
        first: dict[str, str] = {}
        for each in self.effects:
            if each["kind"] == "order_created":
                first.setdefault(each["storeOrderId"], each["status"])
        cancelled = {o["id"] for o in shop.orders if o["orderState"] == "Cancelled"}
        return {id_ for id_, status in first.items() if status == "CANCELLED"} & cancelled

    def told(self) -> Row:
        """Return how much there is of everything."""
        contacts = self.state["contacts"]
        return {
            "contacts": len(contacts), "orders": len(self.state["orders"]),
            "fields": len(self.state["fields"]), "tags": len(self.state["tags"]),
            "values": sum(bool(value) for each in contacts for value in each["fields"].values()),
            "tagged": sum(len(each["tags"]) for each in contacts),
        }  # fmt: skip


class Judge:
    """Holds one side against the other, in one account after the other."""

    def __init__(
        self,
        shop: Shop,
        accounts: Sequence[Account],
        expected: Default,
        *,
        history: int,
        parked: set[str],
        kills: int,
    ) -> None:
        self._shop, self._accounts, self._expected = shop, accounts, expected
        self._history, self._parked, self._kills = history, parked, kills
        self._silent = 0
        kinds = ("lost", "doubled", "behind", "unexplained", *(["astray"] if len(accounts) > 1 else []))
        self.found: dict[str, list[str]] = {kind: [] for kind in kinds}
        self.excused: list[str] = []
        #: How many values are there still because an empty text does not clear them.
        self.kept = 0
        self.refused: set[str] = set()
        self.compared: Counter[str] = Counter()
        self.currencies: Counter[str] = Counter()

    def judge(self) -> Row:
        """Return the verdict."""
        for account in self._accounts:
            self._account(account)
        if self._silent > self._kills:
            self._say(
                None,
                "unexplained",
                f"{self._silent} parked triggers, but only {self._kills} calls can have died unsent",
            )
        return {
            "ok": not any(self.found.values()), "compared": dict(self.compared), "excused": self.excused,
            "refused": len(self.refused), "kept": self.kept, "currencies": dict(self.currencies),
            "accounts": {account.name: account.told() for account in self._accounts},
            **{name: found[:50] for name, found in self.found.items()},
            "counts": {name: len(found) for name, found in self.found.items()},
        }  # fmt: skip

    def _say(self, account: Account | None, kind: str, text: str) -> None:
        where = f"{account.name}: " if account is not None and len(self._accounts) > 1 else ""
        self.found[kind].append(where + text)

    def _account(self, account: Account) -> None:
        persons = self._persons(account)
        self._contacts(account, persons)
        waiting = self._orders(account)
        self._triggers(account, waiting)

    # -- contacts ---------------------------------------------------------------------

    def _persons(self, account: Account) -> dict[str, Person]:
        """Return who must be there, by address: whose record or order belongs there."""
        here = [order for order in self._shop.orders if self._shop.home(order) == account.name]
        sharing: dict[str, list[Row]] = defaultdict(list)
        for customer in self._shop.customers:
            sharing[folded(customer["email"])].append(customer)
        orders: dict[str, list[Row]] = defaultdict(list)
        for order in sorted(here, key=lambda each: each["createdAt"]):
            buyer = self._shop.buyer(order)
            orders[folded(buyer["email"] if buyer else order["customerEmail"])].append(order)
        found: dict[str, Person] = {}
        for email in {**sharing, **orders}:
            customers = sorted(sharing.get(email, []), key=lambda c: (c["createdAt"], c["id"]))
            own = [each for each in customers if self._shop.home(each) == account.name]
            if own or email in orders:
                speaker = next(iter(own or customers), None) or orders[email][-1]
                ordered = orders.get(email, [])
                counted = [each for each in ordered if each["orderState"] != "Cancelled"]
                found[email] = Person(own or customers, speaker, counted, ordered)
        return found

    def _contacts(self, account: Account, persons: Mapping[str, Person]) -> None:
        by_email: dict[str, list[Row]] = defaultdict(list)
        for contact in account.state["contacts"]:
            by_email[folded(contact["email"])].append(contact)
        for contacts in by_email.values():
            if len(contacts) > 1:
                ids = [each["id"] for each in contacts]
                self._say(account, "doubled", f"two contacts with one address: {ids}")
        owners = Counter(c["fields"].get("CT_CUSTOMER_ID") for c in account.state["contacts"])
        for owner, count in owners.items():
            if owner and count > 1:
                self._say(account, "doubled", f"two contacts for customer {owner}")
        for email, person in persons.items():
            self._person(account, person, by_email.get(email, []))
        if "astray" in self.found:
            for email in by_email.keys() - persons.keys() - self._shop.strangers:
                self._say(
                    account, "astray", f"contact {by_email[email][0]['id']} is of nobody who belongs here"
                )

    def _person(self, account: Account, person: Person, contacts: Sequence[Row]) -> None:
        self.compared["guests" if person.is_guest else "customers"] += max(1, len(person.customers))
        speaker = person.speaker
        if not person.is_guest and account.refuses(speaker):
            self.refused.add(speaker["id"])
            self.excused.append(f"customer {speaker['id']} is not accepted there")
        elif not contacts:
            who = f"guest of order {speaker['id']}" if person.is_guest else f"customer {speaker['id']}"
            self._say(account, "lost", who)
        elif not person.is_guest or isinstance(self._expected, Example):
            self._contact(account, person, contacts[0])

    def _contact(self, account: Account, person: Person, contact: Row) -> None:
        names, fields = self._expected.names(person), self._expected.fields(person)
        found = {name: contact[name] for name in names}
        found["phone"], names["phone"] = (re.sub(r"\D", "", each["phone"]) for each in (found, names))
        differing: dict[str, Any] = {k: (found[k], v) for k, v in names.items() if found[k] != v}
        for perstag, wanted in fields.items():
            value = contact["fields"].get(perstag, "")
            self.compared["fields"] += 1
            if wanted == "" and not account.clears:
                self.kept += bool(value)
            elif not reads_as(value, wanted):
                differing[perstag] = (value, str(wanted))
        if contact["unshown"]:
            differing["not shown"] = (contact["unshown"], [])
        tags = self._expected.tags(account.name, person)
        if tags is not None:
            self.compared["tags"] += len(tags)
            if {each.casefold() for each in contact["tags"]} != {each.casefold() for each in tags}:
                differing["tags"] = (sorted(contact["tags"]), sorted(tags))
        if differing:
            who = f"{'guest of order' if person.is_guest else 'customer'} {person.speaker['id']}"
            self._say(account, "behind", f"{who} (contact {contact['id']}): {differing}")

    # -- orders -----------------------------------------------------------------------

    def _orders(self, account: Account) -> set[str]:
        """Compare the orders; return those that wait for a buyer whom the account does not take."""
        waiting: set[str] = set()
        held = {o["storeOrderId"]: o for o in account.state["orders"]}
        for key, count in Counter(o["storeOrderId"] for o in account.state["orders"]).items():
            if count > 1:
                self._say(account, "doubled", f"order {key} is there {count} times")
        for order in self._shop.orders:
            is_here = self._shop.home(order) == account.name
            if not is_here:
                if order["id"] in held and "astray" in self.found:
                    self._say(account, "astray", f"order {order['id']} does not belong here")
                continue
            self.compared["orders"] += 1
            buyer = self._shop.buyer(order)
            if buyer and account.refuses(buyer):
                waiting.add(order["id"])
                self.excused.append(f"order {order['id']} waits for its buyer")
            elif order["id"] not in held:
                self._say(account, "lost", f"order {order['id']}")
            else:
                self._order(account, order, buyer, held[order["id"]])
        return waiting

    def _order(self, account: Account, order: Row, buyer: Row | None, there: Row) -> None:
        email = folded(buyer["email"] if buyer else order["customerEmail"])
        emails = {folded(e["resource_state"]["email"]) for e in self._history_of(buyer)} | {email}
        wanted: dict[str, Any] = {
            "storeModifiedDate": instant(order["lastModifiedAt"]),
            "normalizedStatus": self._expected.status(order),
            "finalAmount": self._shop.final(order), "currency": order["totalPrice"]["currencyCode"],
            "lines": len([*order["lineItems"], *order.get("customLineItems", [])]),
        }  # fmt: skip
        found: dict[str, Any] = {
            "storeModifiedDate": instant(there.get("storeModifiedDate")),
            "normalizedStatus": there.get("normalizedStatus"),
            "finalAmount": Decimal(str(there.get("finalAmount"))), "currency": there.get("currency"),
            "lines": len(there.get("lineItems") or []),
        }  # fmt: skip
        connection = self._expected.connection(account.name, order)
        if connection is not None:
            wanted["connection"] = connection
            found["connection"] = account.connections.get(str(there.get("legacyConnectionId")), "none")
        goods = self._expected.goods(order)
        if goods is not None:
            wanted["goods"] = goods
            lines = there.get("lineItems") or []
            found["goods"] = [(each.get("category") or "", each.get("brand") or "") for each in lines]
        differing = {k: (str(found[k]), str(v)) for k, v in wanted.items() if found[k] != v}
        if str(there.get("email", "")).lower() not in emails:
            differing["email"] = ("another person's", "the buyer's")
        differing |= self._apart(order)
        if differing:
            self._say(account, "behind", f"order {order['id']}: {differing}")
        else:
            self.currencies[wanted["currency"]] += 1

    @staticmethod
    def _apart(order: Row) -> dict[str, tuple[str, str]]:
        """Return where an order's parts do not make its totals, before and after tax."""
        sums = {
            "parts": (sum_of_parts(order, is_taxed=False), amount(order["totalPrice"])),
            "taxed parts": (sum_of_parts(order), gross(order)),
        }
        return {name: (str(one), str(other)) for name, (one, other) in sums.items() if one != other}

    def _history_of(self, buyer: Row | None) -> list[Row]:
        if buyer is None:
            return []
        return [e for e in self._shop.log if e["resource"] == "customer" and e["id"] == buyer["id"]]

    # -- triggers ---------------------------------------------------------------------

    def _triggers(self, account: Account, waiting: set[str]) -> None:
        started = Counter(each["order"] for each in account.started("order_created"))
        self.compared["triggers"] += sum(started.values())
        placed = [
            each
            for each in self._shop.log
            if each["kind"] == "order_created" and self._shop.home(each["resource_state"]) == account.name
        ]
        past = {each["id"] for each in placed if each["seq"] <= self._history} | self._shop.brought_in
        self._started(account, started, past)
        over = account.cancelled_at_first_sight(self._shop)
        for id_ in [each["id"] for each in placed]:
            if not (id_ in past or started[id_] or id_ in waiting or id_ in over):
                self._unstarted(account, id_)

    def _started(self, account: Account, started: Mapping[str, int], past: set[str]) -> None:
        """Find what has started too often, or should never have."""
        for each in account.started("contact_imported"):
            self._say(account, "doubled", f"an import started automations for contact {each['contact']}")
        for key, count in started.items():
            if count > 1:
                self._say(account, "doubled", f"order {key} started automations {count} times")
            if key in past:
                self._say(account, "doubled", f"order {key} of the past started automations")
            if key in self._parked and not account.was_faulted(key):
                self._say(account, "unexplained", f"order {key} is parked but has started")

    def _unstarted(self, account: Account, order: str) -> None:
        """Find out why an order has started nothing."""
        self.compared["unstarted"] += 1
        if order not in self._parked:
            self._say(account, "lost", f"order {order} started no automation and is not parked")
        elif not account.was_faulted(order):
            self._silent += 1


# -- the command line -----------------------------------------------------------------------


def main() -> None:
    """Print the verdict as JSON; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commercetools", required=True)
    parser.add_argument("--activecampaign", required=True, action="append", help="address, or NAME=address")
    parser.add_argument("--group", default=[], action="append", help="KEY=NAME: where a group belongs")
    parser.add_argument("--nowhere", default="", help="custom field of customers who belong in no account")
    parser.add_argument("--expect", choices=("default", "example"), default="default")
    parser.add_argument("--history", type=int, default=0, help="last seq of the shop's log that is past")
    parser.add_argument("--parked", default="", help="ids of orders whose trigger is parked, by commas")
    parser.add_argument("--kills", type=int, default=0, help="calls that can have died before they were sent")
    given = parser.parse_args()
    accounts = [_account(each) for each in given.activecampaign]
    groups = dict(each.split("=", 1) for each in given.group)
    rules = Rules(accounts[0].name, groups, given.nowhere)
    base = given.commercetools
    shop = Shop(fetch(base, "state"), fetch(base, "log")["entries"], rules, fetch(base, "happened"))
    judge = Judge(
        shop, accounts, {"default": Default, "example": Example}[given.expect](shop),
        history=given.history, parked=set(filter(None, given.parked.split(","))), kills=given.kills,
    )  # fmt: skip
    verdict = judge.judge()
    json.dump(verdict, sys.stdout, indent=1, ensure_ascii=False)
    sys.exit(0 if verdict["ok"] else 1)


def _account(given: str) -> Account:
    name, has_name, address = given.partition("=")
    return Account.at(name, address) if has_name else Account.at("account", given)


if __name__ == "__main__":
    main()
