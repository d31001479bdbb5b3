"""
What the server says of a write: the messages that lie between a resource and its next version.

Types and payloads as the vendor's page on messages has them.  What that page does not name has
no message: locale, keys and numbers, the payment state of a return, a cart's content.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Said = tuple[str, dict[str, Any]]

#: Fields of which the new value alone is told: field → type.
_SET: Mapping[str, Mapping[str, str]] = {
    "customer": {
        "firstName": "CustomerFirstNameSet", "lastName": "CustomerLastNameSet", "title": "CustomerTitleSet",
        "companyName": "CustomerCompanyNameSet", "dateOfBirth": "CustomerDateOfBirthSet",
        "externalId": "CustomerExternalIdSet", "customerGroup": "CustomerGroupSet",
    },
    "order": {"store": "OrderStoreSet"},
    "shopping-list": {"store": "ShoppingListStoreSet"},
}  # fmt: skip

#: Fields of which the value before is told too: field → type, names of both values.
_CHANGED: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "customer": {
        "email": ("CustomerEmailChanged", "email", "oldEmail"),
        "stores": ("CustomerStoresSet", "stores", "oldStores"),
    },
    "order": {
        "orderState": ("OrderStateChanged", "orderState", "oldOrderState"),
        "paymentState": ("OrderPaymentStateChanged", "paymentState", "oldPaymentState"),
        "shipmentState": ("OrderShipmentStateChanged", "shipmentState", "oldShipmentState"),
        "customerEmail": ("OrderCustomerEmailSet", "email", "oldEmail"),
        "billingAddress": ("OrderBillingAddressSet", "address", "oldAddress"),
        "shippingAddress": ("OrderShippingAddressSet", "address", "oldAddress"),
        "purchaseOrderNumber": (
            "OrderPurchaseOrderNumberSet", "purchaseOrderNumber", "oldPurchaseOrderNumber",
        ),
    },
    "payment": {"interfaceId": ("PaymentInterfaceIdSet", "interfaceId", "oldInterfaceId")},
}  # fmt: skip

_DEFAULTS = {"defaultBillingAddressId": "Billing", "defaultShippingAddressId": "Shipping"}


def said_of(kind: str, before: Row | None, after: Row | None) -> list[Said]:
    """
    Return type and payload of each message that a write has, in the order of what it did.

    Args:
        before: None of what was created.
        after: None of what was deleted.
    """
    if before is None or after is None:
        return [*_began_or_ended(kind, before, after)]
    said = [*_fields(kind, before, after)]
    match kind:
        case "customer":
            said += [*_custom("Customer", before, after), *_addresses(before, after)]
            said += [*_groups(before, after), *_account(before, after)]
        case "order":
            said += [*_deliveries(before, after), *_returns(before, after), *_paid_by(before, after)]
            said += [*_buyer(before, after), *_workflow(before, after), *_custom("Order", before, after)]
        case "payment":
            said += [*_transactions(before, after), *_status(before, after)]
        case "cart":
            said += _freezing(before, after)
        case "shopping-list":
            said += _listed(before, after)
        case _:
            pass
    return said


# -- beginnings and ends --------------------------------------------------------------


def _began_or_ended(kind: str, before: Row | None, after: Row | None) -> Iterator[Said]:
    match kind:
        case "customer" if after is not None:
            yield "CustomerCreated", {"customer": after}
        case "customer" if before is not None:
            yield "CustomerDeleted", _present(email=before.get("email"))
        case "order" if after is not None:
            yield _order_began(after)
        case "order":
            yield "OrderDeleted", {"order": before}
        case "payment" if after is not None:
            yield "PaymentCreated", {"payment": after}
        case _:
            return


def _order_began(order: Row) -> Said:
    """Return how an order's first message is called: an import and a recurring order have their own."""
    if is_import(order):
        return "OrderImported", {"order": order}
    if order.get("origin") == "RecurringOrder":
        payload = _present(order=order, recurringOrderRef=order.get("recurringOrder"))
        return "OrderCreatedFromRecurringOrder", payload
    return "OrderCreated", {"order": order}


def is_import(resource: Row) -> bool:
    """Whether a resource says that an import made it."""
    attributed = ((resource.get("createdBy") or {}).get("attributedTo")) or {}
    return attributed.get("source") == "Import"


# -- fields ---------------------------------------------------------------------------


def _fields(kind: str, before: Row, after: Row) -> Iterator[Said]:
    for field, (type_, now, was) in _CHANGED.get(kind, {}).items():
        if before.get(field) != after.get(field):
            yield type_, _present(**{now: after.get(field), was: before.get(field)})
    for field, type_ in _SET.get(kind, {}).items():
        if before.get(field) != after.get(field):
            yield type_, _present(**{field: after.get(field)})


def _custom(noun: str, before: Row, after: Row) -> Iterator[Said]:
    was, now = before.get("custom") or {}, after.get("custom") or {}
    old, new = ((each.get("type") or {}).get("id") for each in (was, now))
    if was and not now:
        yield f"{noun}CustomTypeRemoved", _present(previousTypeId=old)
        return
    if old != new:
        yield f"{noun}CustomTypeSet", _present(customFields=now, previousTypeId=old)
        return
    held, given = was.get("fields") or {}, now.get("fields") or {}
    for name in dict.fromkeys((*held, *given)):
        if name not in given:
            yield f"{noun}CustomFieldRemoved", {"name": name}
        elif name not in held:
            yield f"{noun}CustomFieldAdded", {"name": name, "value": given[name]}
        elif held[name] != given[name]:
            payload = {"name": name, "value": given[name], "previousValue": held[name]}
            yield f"{noun}CustomFieldChanged", payload


# -- customers ------------------------------------------------------------------------


def _addresses(before: Row, after: Row) -> Iterator[Said]:
    was, now = _by_id(before.get("addresses")), _by_id(after.get("addresses"))
    for id_, address in now.items():
        if id_ not in was:
            yield "CustomerAddressAdded", {"address": address}
        elif was[id_] != address:
            payload = {"address": address, "addressRoles": _roles(after, id_)}
            yield "CustomerAddressChanged", payload
    for id_ in was.keys() - now.keys():
        yield "CustomerAddressRemoved", {"address": was[id_], "addressRoles": _roles(before, id_)}
    for field, role in _DEFAULTS.items():
        if before.get(field) != after.get(field):
            yield f"CustomerDefault{role}AddressSet", _present(address=now.get(after.get(field)))


def _roles(customer: Row, id_: str) -> list[str]:
    fields = {"Shipping": "shippingAddressIds", "Billing": "billingAddressIds"}
    return [role for role, field in fields.items() if id_ in (customer.get(field) or ())]


def _groups(before: Row, after: Row) -> Iterator[Said]:
    field = "customerGroupAssignments"
    was, now = before.get(field) or [], after.get(field) or []
    more, fewer = [each for each in now if each not in was], [each for each in was if each not in now]
    match (len(more), len(fewer)):
        case (0, 0):
            return
        case (1, 0):
            yield "CustomerGroupAssignmentAdded", {"customerGroupAssignment": more[0]}
        case (0, 1):
            yield "CustomerGroupAssignmentRemoved", {"customerGroupAssignment": fewer[0]}
        case _:
            yield "CustomerGroupAssignmentsSet", {field: now, "oldCustomerGroupAssignments": was}


def _account(before: Row, after: Row) -> Iterator[Said]:
    if after.get("isEmailVerified") is True and not before.get("isEmailVerified"):
        yield "CustomerEmailVerified", {}
    if before.get("password") != after.get("password"):
        yield "CustomerPasswordUpdated", {"reset": False}


# -- orders ---------------------------------------------------------------------------


def deliveries_of(order: Row) -> dict[str, Row]:
    """Return the deliveries of an order by id, each with the key of its shipping method if it has one."""
    single = order.get("shippingInfo")
    several = [(each.get("shippingKey"), each.get("shippingInfo")) for each in order.get("shipping") or ()]
    return {
        each["id"]: _present(**each, shippingKey=key)
        for key, info in (*several, (None, single))
        for each in (info or {}).get("deliveries") or ()
    }


def parcels_of(order: Row) -> dict[str, Row]:
    """Return the parcels of an order by id."""
    return {each["id"]: each for row in deliveries_of(order).values() for each in row.get("parcels") or ()}


def return_items_of(order: Row) -> dict[str, Row]:
    """Return the items of an order that come back, by id."""
    return {each["id"]: each for row in order.get("returnInfo") or () for each in row.get("items") or ()}


def _deliveries(before: Row, after: Row) -> Iterator[Said]:
    was = deliveries_of(before)
    for id_, whole in deliveries_of(after).items():
        delivery = {name: value for name, value in whole.items() if name != "shippingKey"}
        key = _present(shippingKey=whole.get("shippingKey"))
        if id_ not in was:
            yield "DeliveryAdded", {"delivery": delivery} | key
            continue
        held = _by_id(was[id_].get("parcels"))
        for parcel in delivery.get("parcels") or ():
            tracking = parcel.get("trackingData")
            if parcel["id"] not in held:
                yield "ParcelAddedToDelivery", {"delivery": delivery, "parcel": parcel} | key
            elif held[parcel["id"]].get("trackingData") != tracking:
                ids = {"deliveryId": id_, "parcelId": parcel["id"]}
                yield "ParcelTrackingDataUpdated", ids | _present(trackingData=tracking) | key


def _returns(before: Row, after: Row) -> Iterator[Said]:
    was = return_items_of(before)
    for row in after.get("returnInfo") or ():
        items = row.get("items") or ()
        if items and not any(each["id"] in was for each in items):
            yield "ReturnInfoAdded", {"returnInfo": row}
        for each in items:
            held = was.get(each["id"])
            if held and held["shipmentState"] != each["shipmentState"]:
                payload = {"returnItemId": each["id"], "returnShipmentState": each["shipmentState"]}
                yield "OrderReturnShipmentStateChanged", payload


def _paid_by(before: Row, after: Row) -> Iterator[Said]:
    was, now = ((each.get("paymentInfo") or {}).get("payments") or [] for each in (before, after))
    for each in now:
        if each not in was:
            yield "OrderPaymentAdded", {"paymentRef": each}
    for each in was:
        if each not in now:
            yield "OrderPaymentRemoved", {"paymentRef": each, "removedPaymentInfo": not now}


def _buyer(before: Row, after: Row) -> Iterator[Said]:
    if before.get("customerId") == after.get("customerId"):
        return
    who, was = (
        {"typeId": "customer", "id": each["customerId"]} if each.get("customerId") else None
        for each in (after, before)
    )
    groups = {"customerGroup": after.get("customerGroup"), "oldCustomerGroup": before.get("customerGroup")}
    yield "OrderCustomerSet", _present(customer=who, oldCustomer=was, **groups)


def _workflow(before: Row, after: Row) -> Iterator[Said]:
    was, now = before.get("state"), after.get("state")
    if now is not None and was != now:
        yield "OrderStateTransition", _present(state=now, oldState=was, force=False)


# -- payments, carts and lists ---------------------------------------------------------------


def _transactions(before: Row, after: Row) -> Iterator[Said]:
    was = _by_id(before.get("transactions"))
    for id_, each in _by_id(after.get("transactions")).items():
        if id_ not in was:
            yield "PaymentTransactionAdded", {"transaction": each}
        elif was[id_].get("state") != each.get("state"):
            yield "PaymentTransactionStateChanged", {"transactionId": id_, "state": each["state"]}


def _status(before: Row, after: Row) -> Iterator[Said]:
    was, now = before.get("paymentStatus") or {}, after.get("paymentStatus") or {}
    if was.get("interfaceCode") != now.get("interfaceCode"):
        code = _present(interfaceCode=now.get("interfaceCode"))
        yield "PaymentStatusInterfaceCodeSet", {"paymentId": after["id"]} | code
    if now.get("state") is not None and was.get("state") != now["state"]:
        yield "PaymentStatusStateTransition", {"state": now["state"], "force": False}


def _freezing(before: Row, after: Row) -> Sequence[Said]:
    match (before.get("cartState"), after.get("cartState")):
        case (was, "Frozen") if was != "Frozen":
            return [("CartFrozen", {})]
        case ("Frozen", "Active"):
            return [("CartUnfrozen", {})]
        case _:
            return []


def _listed(before: Row, after: Row) -> Iterator[Said]:
    """Give what is put on a list and taken off; that it is begun, with goods or without, has no message."""
    was, now = _by_id(before.get("lineItems")), _by_id(after.get("lineItems"))
    yield from (
        ("ShoppingListLineItemAdded", {"lineItem": each}) for id_, each in now.items() if id_ not in was
    )
    yield from (
        ("ShoppingListLineItemRemoved", {"lineItem": each}) for id_, each in was.items() if id_ not in now
    )


def _by_id(rows: Iterable[Row] | None) -> dict[Any, Row]:
    return {each["id"]: each for each in rows or () if "id" in each}


def _present(**values: Any) -> dict[str, Any]:
    """Return the values that are there; a missing field is absent on the wire, never null."""
    return {name: value for name, value in values.items() if value is not None}
