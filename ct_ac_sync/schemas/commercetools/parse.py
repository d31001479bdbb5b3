"""A body becomes a readable record, or an unreadable one with all its faults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import Schema, ValidationError

from ct_ac_sync.ports import Readable, Stream, Unreadable
from ct_ac_sync.schemas.base import faults_of
from ct_ac_sync.schemas.commercetools.common import is_imported
from ct_ac_sync.schemas.commercetools.customer import CustomerSchema
from ct_ac_sync.schemas.commercetools.order import OrderSchema

SCHEMAS: Mapping[Stream, Schema] = {Stream.CUSTOMERS: CustomerSchema(), Stream.ORDERS: OrderSchema()}

#: Never stored, whatever record they stand in.
SECRETS = frozenset({"password"})


def parse_record(stream: Stream, body: Any) -> Readable | Unreadable:
    """Return what *body* says; nothing of it is lost where it cannot be read."""
    plain = (
        {k: v for k, v in body.items() if k not in SECRETS} if isinstance(body, Mapping) else {"body": body}
    )
    try:
        value = SCHEMAS[stream].load(plain)
    except ValidationError as error:
        version = plain.get("version")
        return Unreadable(
            stream=stream,
            id=str(plain.get("id") or "?"),
            version=version if isinstance(version, int) else 0,
            faults=faults_of(error),
            body=plain,
        )
    return Readable(replace(value, is_imported=is_imported(plain)), plain)
