"""
Persons become contacts.

A contact is a function of *all* records of its person: of several customers with one
address the oldest speaks, and the others only keep the newest instant moving.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.domain.customer import Customer, PostalAddress
from ct_ac_sync.domain.identity import normal_address
from ct_ac_sync.domain.order import Order

#: Custom fields by perstag, with the title people see.
FIELDS: tuple[tuple[str, str], ...] = (
    ("CT_CUSTOMER_ID", "Commercetools customer id"),
    ("CT_CUSTOMER_NUMBER", "Commercetools customer number"),
    ("CT_CUSTOMER_KEY", "Commercetools customer key"),
    ("CT_LOCALE", "Commercetools locale"),
    ("CT_LAST_MODIFIED", "Commercetools last modified"),
)


def instant(moment: datetime) -> str:
    """Return an instant as Commercetools writes it: UTC, three digits, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_contact(customers: Sequence[Customer], orders: Sequence[Order]) -> Contact | None:
    """
    Return the contact of a person; None where nobody has an address.

    Args:
        customers: All customers of the person.
        orders: For a guest, at least its newest order; else not looked at.
    """
    if customers:
        return _of_customers(sorted(customers, key=lambda c: (c.created_at, c.id)))
    if orders:
        return _of_guest(max(orders, key=lambda o: (o.last_modified_at, o.id)))
    return None


def _of_customers(customers: Sequence[Customer]) -> Contact | None:
    first = customers[0]
    email = normal_address(first.email)
    if email is None:
        return None
    place = first.main_address or PostalAddress()
    newest = max(customer.last_modified_at for customer in customers)
    return Contact(
        email=email,
        first_name=_clean(first.first_name or place.first_name),
        last_name=_clean(first.last_name or place.last_name),
        phone=_phone(place),
        fields=(
            ("CT_CUSTOMER_ID", first.id),
            ("CT_CUSTOMER_KEY", _clean(first.key)),
            ("CT_CUSTOMER_NUMBER", _clean(first.customer_number)),
            ("CT_LAST_MODIFIED", instant(newest)),
            ("CT_LOCALE", _clean(first.locale)),
        ),
    )


def _of_guest(order: Order) -> Contact | None:
    email = normal_address(order.email)
    if email is None:
        return None
    place = order.billing_address or order.shipping_address or PostalAddress()
    return Contact(
        email=email,
        first_name=_clean(place.first_name),
        last_name=_clean(place.last_name),
        phone=_phone(place),
        fields=(
            ("CT_LAST_MODIFIED", instant(order.last_modified_at)),
            ("CT_LOCALE", _clean(order.locale)),
        ),
    )


def _phone(place: PostalAddress) -> str:
    return _clean(place.mobile or place.phone)


def _clean(text: str | None) -> str:
    """Return *text* without control characters and surplus blanks, as names are shown."""
    return " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
