"""What Commercetools tells us of a person."""

from dataclasses import dataclass
from datetime import datetime

from ct_ac_sync.domain.identity import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """An address of a customer or an order; only the country is certain."""

    id: str | None = None
    country: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    street: str | None = None
    additional_street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    company: str | None = None
    phone: str | None = None
    mobile: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer at one version."""

    id: CustomerId
    version: int
    created_at: datetime
    last_modified_at: datetime
    email: str
    first_name: str | None = None
    last_name: str | None = None
    key: str | None = None
    customer_number: str | None = None
    external_id: str | None = None
    company: str | None = None
    locale: str | None = None
    addresses: tuple[PostalAddress, ...] = ()
    default_billing_address_id: str | None = None
    default_shipping_address_id: str | None = None
    billing_address_ids: tuple[str, ...] = ()
    store_keys: tuple[str, ...] = ()
    is_imported: bool = False

    @property
    def main_address(self) -> PostalAddress | None:
        """Default billing, else default shipping, else the first billing, else the first."""
        by_id = {address.id: address for address in self.addresses if address.id}
        wanted = (
            self.default_billing_address_id,
            self.default_shipping_address_id,
            *self.billing_address_ids[:1],
        )
        found = (by_id[id_] for id_ in wanted if id_ in by_id)
        return next(found, self.addresses[0] if self.addresses else None)
