"""A body becomes a readable record, or an unreadable one with all its faults."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import Schema, ValidationError

from ct_ac_sync.ports import Readable, Stream, Unreadable
from ct_ac_sync.schemas.base import GREATEST, faults_of
from ct_ac_sync.schemas.commercetools.cart import CartSchema
from ct_ac_sync.schemas.commercetools.common import is_imported
from ct_ac_sync.schemas.commercetools.custom_object import CustomObjectSchema
from ct_ac_sync.schemas.commercetools.customer import CustomerSchema
from ct_ac_sync.schemas.commercetools.message import MessageSchema
from ct_ac_sync.schemas.commercetools.order import OrderSchema
from ct_ac_sync.schemas.commercetools.payment import PaymentRecordSchema
from ct_ac_sync.schemas.commercetools.shopping_list import ShoppingListSchema

SCHEMAS: Mapping[Stream, Schema] = {
    Stream.CUSTOMERS: CustomerSchema(),
    Stream.ORDERS: OrderSchema(),
    Stream.CARTS: CartSchema(),
    Stream.SHOPPING_LISTS: ShoppingListSchema(),
    Stream.PAYMENTS: PaymentRecordSchema(),
    Stream.MESSAGES: MessageSchema(),
    Stream.CUSTOM_OBJECTS: CustomObjectSchema(),
}

#: Never stored, whatever record they stand in.
SECRETS = frozenset({"password"})
#: Of payments, what their providers said, which may hold anything.
_SAID = frozenset({"interfaceInteractions"})
#: Of how it was paid, what one could pay with again.
_TOKEN = frozenset({"token"})
#: Never stored of what stands under a name, whether it came along with a record or in a message.
SECRETS_WITHIN: Mapping[str, frozenset[str]] = {
    "customer": SECRETS,
    "obj": SECRETS | _SAID,
    "payment": _SAID,
    "paymentMethod": _TOKEN,
    "paymentMethodInfo": _TOKEN,
}
#: Never stored of the records of a stream, besides; a message tells what it is about beside its own fields.
SECRETS_OF: Mapping[Stream, frozenset[str]] = {
    Stream.PAYMENTS: _SAID,
    Stream.MESSAGES: frozenset({"interaction", "oldToken", "token"}),
}
#: Messages whose value opens a customer's account (vendor documentation, Customer Messages).
TOKENS = frozenset({"CustomerEmailTokenCreated", "CustomerPasswordTokenCreated"})


#: What JSON may hold and a database's text may not: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def parse_record(stream: Stream, body: Any) -> Readable | Unreadable:
    """Return what *body* says; nothing of it is lost where it cannot be read."""
    whole = storable(body)
    plain = _plain(stream, whole) if isinstance(whole, dict) else {"body": whole}
    try:
        value = SCHEMAS[stream].load(plain)
    except ValidationError as error:
        version = plain.get("version")
        return Unreadable(
            stream=stream,
            id=str(plain.get("id") or "?"),
            version=version if isinstance(version, int) and 0 < version <= GREATEST else 0,
            faults=faults_of(error),
            body=plain,
        )
    return Readable(replace(value, is_imported=is_imported(plain)), plain)


def storable(value: Any) -> Any:
    """
    Return *value* as the database can keep it; one such record must not stop a stream.

    Characters that no text may hold become U+FFFD, and numbers that are none become null.
    """
    match value:
        case str():
            return UNSTORABLE.sub("\ufffd", value) if UNSTORABLE.search(value) else value
        case dict():
            return {
                storable(str(key)): storable(_without_secrets(str(key), each)) for key, each in value.items()
            }
        case list():
            return [storable(each) for each in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def _plain(stream: Stream, whole: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a record."""
    secrets = SECRETS | SECRETS_OF.get(stream, frozenset())
    if stream is Stream.MESSAGES and str(whole.get("type")) in TOKENS:
        secrets |= {"value"}
    return {name: each for name, each in whole.items() if name not in secrets}


def _without_secrets(name: str, value: Any) -> Any:
    """Return what is kept of *value*, which stands under *name*."""
    if name in SECRETS_WITHIN and isinstance(value, dict):
        return {key: each for key, each in value.items() if key not in SECRETS_WITHIN[name]}
    return value
