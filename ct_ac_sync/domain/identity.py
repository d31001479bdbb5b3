"""
Whom a record concerns: e-mail in normal form, and how persons are told apart.

A person is all customers that share one address, with their orders, and the guest
orders under that address.  Commercetools compares addresses without case, and two
customers of different stores may share one.
"""

from dataclasses import dataclass
from typing import NewType

CustomerId = NewType("CustomerId", str)
OrderId = NewType("OrderId", str)
ContactId = NewType("ContactId", str)
PersonId = NewType("PersonId", int)
Address = NewType("Address", str)


def normal_address(email: str | None) -> Address | None:
    """Return *email* trimmed and in lower case, or None where there is none."""
    cleaned = (email or "").strip().lower()
    return Address(cleaned) if cleaned else None


def is_address(address: str) -> bool:
    """Whether it has the shape of an address; whether it can be mailed only the destination knows."""
    local, at, domain = address.rpartition("@")
    return bool(local and at and domain) and not any(c.isspace() for c in address)


@dataclass(frozen=True, slots=True)
class Stay:
    """The customer stays with its person, which has this address already."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class Join:
    """The customer, known or new, belongs to another, existing person."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class Rename:
    """The person takes the new address with it, and lets go of the old one."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class Begin:
    """A person nobody knew, or one that leaves others behind at a shared address."""


Resolution = Stay | Join | Rename | Begin


def resolve_customer(*, own: PersonId | None, holder: PersonId | None, is_shared: bool) -> Resolution:
    """
    Decide to whom a customer belongs.

    Args:
        own: The person the customer id means so far.
        holder: The person its address means so far.
        is_shared: Whether other customers of *own* stay behind at the old address.
    """
    if holder is not None:
        return Stay(holder) if holder == own else Join(holder)
    if own is not None and not is_shared:
        return Rename(own)
    return Begin()
