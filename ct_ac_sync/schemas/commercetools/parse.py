"""A body becomes a readable record, or an unreadable one with all its faults."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import Schema, ValidationError

from ct_ac_sync.ports import Readable, Stream, Unreadable
from ct_ac_sync.schemas.base import GREATEST, faults_of
from ct_ac_sync.schemas.commercetools.common import is_imported
from ct_ac_sync.schemas.commercetools.customer import CustomerSchema
from ct_ac_sync.schemas.commercetools.order import OrderSchema

SCHEMAS: Mapping[Stream, Schema] = {Stream.CUSTOMERS: CustomerSchema(), Stream.ORDERS: OrderSchema()}

#: Never stored, whatever record they stand in.
SECRETS = frozenset({"password"})
#: Of payments that come along with orders: what their providers said, which may hold anything,
#: and what one could pay with again.
SECRETS_OF_PAYMENTS: Mapping[str, frozenset[str]] = {
    "obj": frozenset({"interfaceInteractions"}),
    "paymentMethodInfo": frozenset({"token"}),
}


#: What JSON may hold and a database's text may not: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def parse_record(stream: Stream, body: Any) -> Readable | Unreadable:
    """Return what *body* says; nothing of it is lost where it cannot be read."""
    whole = storable(body)
    plain = (
        {k: v for k, v in whole.items() if k not in SECRETS} if isinstance(whole, dict) else {"body": whole}
    )
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


def _without_secrets(name: str, value: Any) -> Any:
    """Return what is kept of *value*, which stands under *name*."""
    if name in SECRETS_OF_PAYMENTS and isinstance(value, dict):
        return {key: each for key, each in value.items() if key not in SECRETS_OF_PAYMENTS[name]}
    return value
