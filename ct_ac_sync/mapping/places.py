"""The addresses of a customer or an order, by their roles, from its body."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ct_ac_sync.configuration.values import Place
from ct_ac_sync.mapping.evaluate import mappings_in

Address = Mapping[str, Any]

DEFAULTS = {Place.BILLING: "defaultBillingAddressId", Place.SHIPPING: "defaultShippingAddressId"}
LISTED = {Place.BILLING: "billingAddressIds", Place.SHIPPING: "shippingAddressIds"}


def address_of_customer(body: Mapping[str, Any], roles: Sequence[Place]) -> Address:
    """
    Return a customer's address: the default of the first role that has one.

    Without any, the first that is listed for one of the roles; `Place.FIRST` is any address.
    An id that means no address is passed over, as if it were not there.
    """
    addresses = [each for each in body.get("addresses") or () if isinstance(each, Mapping)]
    by_id = {str(each["id"]): each for each in addresses if each.get("id")}
    found = (by_id[id_] for id_ in _wanted(body, roles) if id_ in by_id)
    first = addresses[:1] if Place.FIRST in roles else []
    return next(found, first[0] if first else {})


def _wanted(body: Mapping[str, Any], roles: Sequence[Place]) -> Iterator[str]:
    before = roles[: roles.index(Place.FIRST)] if Place.FIRST in roles else roles
    yield from (str(body.get(DEFAULTS[role])) for role in before)
    yield from (str(id_) for role in before for id_ in body.get(LISTED[role]) or ())


def address_of_order(body: Mapping[str, Any], roles: Sequence[Place]) -> Address:
    """Return an order's address, or a cart's: that of the first role that has one."""
    shipments = mappings_in(body.get("shipping"))
    billing = [body.get("billingAddress")]
    shipping = [body.get("shippingAddress"), *(each.get("shippingAddress") for each in shipments)]
    by_role = {Place.BILLING: billing, Place.SHIPPING: shipping, Place.FIRST: billing + shipping}
    found = (each for role in roles for each in by_role[role] if isinstance(each, Mapping) and each)
    return next(found, {})
