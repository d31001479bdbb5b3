"""Persons read from the wire, and what the default configuration makes of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from ct_ac_sync.configuration.default import default_configuration
from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.mapping.evaluate import Nowhere
from ct_ac_sync.mapping.profile import Person, SourceRecord, to_profile
from ct_ac_sync.ports import Readable, Stream
from ct_ac_sync.schemas.commercetools.parse import parse_record

Body = Mapping[str, Any]

DEFAULT = default_configuration(
    project="shop", api_url="https://api.example", auth_url="https://auth.example",
    ac_api_url="https://shop.api-us1.example",
)  # fmt: skip
IDS = {perstag: str(number) for number, perstag in enumerate(DEFAULT.perstags, start=1)}


def contact_of(*, customers: Iterable[Body] = (), orders: Iterable[Body] = ()) -> Contact | None:
    """Return the contact of a person; of *orders* the newest is the guest's, as the store picks it."""
    guests = sorted((_record(Stream.ORDERS, each) for each in orders), key=lambda each: each.value.id)
    person = Person(
        customers=tuple(_record(Stream.CUSTOMERS, each) for each in customers),
        guest=max(guests, key=lambda each: each.value.last_modified_at, default=None),
    )
    profile = to_profile(person, config=DEFAULT, route=DEFAULT.routes[0], lookup=Nowhere())
    return profile.contact if profile else None


def _record(stream: Stream, body: Body) -> SourceRecord:
    found = parse_record(stream, body)
    assert isinstance(found, Readable), found.faults
    return SourceRecord(DEFAULT.sources[0].project, found.value, found.body)
