"""What records share on the wire."""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load

from ct_ac_sync.domain.customer import PostalAddress
from ct_ac_sync.schemas.base import InboundSchema

ADDRESS_NAMES = {
    "id": "id", "country": "country", "first_name": "firstName", "last_name": "lastName",
    "additional_street": "additionalStreetInfo", "city": "city", "region": "region",
    "postal_code": "postalCode", "company": "company", "phone": "phone", "mobile": "mobile",
    "email": "email",
}  # fmt: skip

AddressSchemaBase = InboundSchema.from_dict(
    {name: fields.String(data_key=wire) for name, wire in ADDRESS_NAMES.items()}
)


class AddressSchema(AddressSchemaBase):  # type: ignore[valid-type,misc]
    """A postal address."""

    street_name = fields.String(data_key="streetName")
    street_number = fields.String(data_key="streetNumber")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> PostalAddress:
        """Return the value."""
        street = (data.pop("street_name", None), data.pop("street_number", None))
        return PostalAddress(street=" ".join(filter(None, street)) or None, **data)


def is_imported(body: Mapping[str, Any]) -> bool:
    """Whether the record was brought in by an import rather than made in the shop."""
    by = body.get("createdBy") or {}
    attributed = by.get("attributedTo") if isinstance(by, Mapping) else None
    return isinstance(attributed, Mapping) and attributed.get("source") == "Import"
