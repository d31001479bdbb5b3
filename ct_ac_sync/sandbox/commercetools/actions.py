"""Update actions: what the API lets a client change, as changes to a resource."""

from collections.abc import Callable, Mapping
from typing import Any

from ct_ac_sync.sandbox.commercetools.custom import FindType, set_custom_field, set_custom_type

Row = Mapping[str, Any]

#: Actions that set one field to one value: action → (field, key of the value).
SIMPLE: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "customer": {
        "setFirstName": ("firstName", "firstName"),
        "setLastName": ("lastName", "lastName"),
        "changeEmail": ("email", "email"),
        "setLocale": ("locale", "locale"),
        "setKey": ("key", "key"),
        "setCompanyName": ("companyName", "companyName"),
        "setExternalId": ("externalId", "externalId"),
        "setCustomerNumber": ("customerNumber", "customerNumber"),
    },
    "order": {
        "changeOrderState": ("orderState", "orderState"),
        "changePaymentState": ("paymentState", "paymentState"),
        "changeShipmentState": ("shipmentState", "shipmentState"),
        "setOrderNumber": ("orderNumber", "orderNumber"),
        "setCustomerEmail": ("customerEmail", "email"),
        "setLocale": ("locale", "locale"),
    },
}


def changes_of(kind: str, resource: Row, action: Row, find_type: FindType) -> dict[str, Any]:
    """
    Return what an action changes.

    Raises:
        ActionError: The server refuses it.
        KeyError: The action is not known.
    """
    name = action["action"]
    if name in SIMPLE[kind]:
        target, key = SIMPLE[kind][name]
        return {target: action.get(key)}
    custom = {"setCustomField": set_custom_field, "setCustomType": set_custom_type}
    if name in custom:
        return custom[name](kind, resource, action, find_type)
    other: Mapping[str, Callable[[Row, Row], dict[str, Any]]] = {
        "addAddress": _add_address,
        "changeAddress": _change_address,
    }
    return other[name](resource, action)


def _add_address(resource: Row, action: Row) -> dict[str, Any]:
    addresses = [*resource.get("addresses", []), dict(action["address"])]
    addresses[-1].setdefault("id", f"a{len(addresses)}")
    return {"addresses": addresses}


def _change_address(resource: Row, action: Row) -> dict[str, Any]:
    wanted = action["addressId"]
    return {
        "addresses": [
            dict(action["address"]) | {"id": wanted} if each.get("id") == wanted else each
            for each in resource.get("addresses", [])
        ]
    }
