"""What the body of a good answer proves, by the kind of call."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError

from ct_ac_sync.clients.activecampaign.classify import error_of_graphql, unproven
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import ServerError, UnclearError
from ct_ac_sync.ports import (
    Answer,
    AutomationEntered,
    Call,
    CallKind,
    CartWritten,
    ContactDeleted,
    ContactSeen,
    ContactWritten,
    CustomerWritten,
    ImportQueued,
    MembershipBegun,
    MembershipEnded,
    OrderSeen,
    OrdersWritten,
    TagRemoved,
    TagWritten,
    ValueCleared,
)
from ct_ac_sync.schemas.activecampaign.inbound import (
    ORDER,
    CartAnswerSchema,
    ContactAnswerSchema,
    CustomerAnswerSchema,
    ImportQueuedSchema,
    RunAnswerSchema,
    TagLinkAnswerSchema,
)
from ct_ac_sync.schemas.activecampaign.memberships import MembershipAnswerSchema

_CONTACT, _QUEUED, _LINK = ContactAnswerSchema(), ImportQueuedSchema(), TagLinkAnswerSchema()
_RUN, _CUSTOMER, _CART = RunAnswerSchema(), CustomerAnswerSchema(), CartAnswerSchema()
_MEMBERSHIP = MembershipAnswerSchema()


def undocumented(operation: str) -> ServerError:
    """Return the error of a read whose body is not what the vendor documents."""
    why = "body not as documented"
    return ServerError(f"ActiveCampaign {operation}: {why}", cause=f"{operation}: {why}")


def json_of(response: Response, *, operation: str, is_write: bool) -> Any:
    """Return the object that a good answer holds; an empty body, a login page or a list proves nothing."""
    try:
        body = response.json()
    except ValueError:
        why = "empty body" if not response.body.strip() else "not JSON"
        raise unproven(response, operation=operation, why=why, is_write=is_write) from None
    if not isinstance(body, dict):
        raise unproven(response, operation=operation, why="no object", is_write=is_write)
    return body


def answer_of(call: Call, body: dict[str, Any], response: Response) -> Answer:
    """
    Return what the body proves, by the kind of call.

    Raises:
        SyncError: It proves nothing, or names what was refused.
    """
    try:
        return PROOFS[call.kind](call, body, response)
    except (ValidationError, KeyError, TypeError) as error:
        why = "body not as documented"
        raise unproven(response, operation=call.kind, why=why, is_write=True) from error


def _contact(call: Call, body: dict[str, Any], _: Response) -> ContactWritten:
    seen: ContactSeen = _CONTACT.load(body)["contact"]
    return ContactWritten(seen.contact, seen.email, _uncleared(call, body, seen.contact))


def _import(call: Call, body: dict[str, Any], response: Response) -> ImportQueued:
    queued: Any = _QUEUED.load(body)
    is_taken = str(body.get("Success", body.get("success"))) in ("1", "True", "true")
    if not is_taken or queued["queued"] != call.members:
        raise unproven(response, operation=call.kind, why="not all rows queued", is_write=True)
    return ImportQueued(queued["batch"], queued["queued"])


def _uncleared(call: Call, body: Mapping[str, Any], contact: str) -> tuple[str, ...]:
    """
    Return the ids of the contact's values that are shown, though they were sent empty.

    The answer tells of each value that was sent (vendor documentation, Update a contact);
    whether an empty one clears is not documented.  Rows in another form show nothing.
    """
    sent, rows = call.body["contact"]["fieldValues"], body.get("fieldValues")
    emptied = {each["field"] for each in sent if not each["value"]}
    shown = [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
    return tuple(
        str(row["id"]) for row in shown
        if row.get("value") and str(row.get("field")) in emptied
        and str(row.get("contact", contact)) == contact and str(row.get("id")).isdigit()
    )  # fmt: skip


def _tag(call: Call, body: dict[str, Any], response: Response) -> TagWritten:
    """Return the link that came back, if it is of this contact to this tag."""
    link: Any = _LINK.load(body)["link"]
    if call.body["contactTag"] != {"contact": link["contact"], "tag": link["tag"]}:
        raise unproven(response, operation=call.kind, why="another link in answer", is_write=True)
    return TagWritten(link["id"])


def _orders(call: Call, body: dict[str, Any], response: Response) -> OrdersWritten:
    """Return the orders that came back as they were sent; another version proves nothing."""
    if body.get("errors"):
        raise error_of_graphql(body, operation=call.kind, answer=response.excerpt, clean=response.clean)
    data = body.get("data") or {}
    rows = [data["upsertOrder"]] if call.kind is CallKind.UPSERT_ORDER else data["bulkUpsertOrders"]
    variables = call.body["variables"]
    sent = {o["storeOrderId"]: o for o in variables.get("orders") or [variables["order"]]}
    orders: dict[str, OrderSeen] = {}
    for row in rows:
        seen: Any = ORDER.load(row)
        wanted = sent.get(seen.store_order_id)
        if wanted and seen.modified_at == datetime.fromisoformat(wanted["storeModifiedDate"]):
            orders[seen.store_order_id] = seen
    if not orders:
        raise UnclearError(
            f"ActiveCampaign {call.kind}: {response.status}, none of the orders came back as sent",
            cause=f"{call.kind}: orders not returned",
            answer=response.excerpt,
        )
    return OrdersWritten(orders)


def _entry(call: Call, body: dict[str, Any], response: Response) -> AutomationEntered:
    """Return the run that came back, if it is of this contact through this automation."""
    run: Any = _RUN.load(body)["run"]
    sent = call.body["contactAutomation"]
    if run["contact"] != sent["contact"] or sent["automation"] not in (run["automation"], run["series"]):
        raise unproven(response, operation=call.kind, why="another run in answer", is_write=True)
    return AutomationEntered(run["id"])


def _new_customer(call: Call, body: dict[str, Any], response: Response) -> CustomerWritten:
    """Return the customer that came back, if it is called as we called it."""
    customer: Any = _CUSTOMER.load(body)["customer"]
    if customer["externalid"] != call.body["ecomCustomer"]["externalid"]:
        raise unproven(response, operation=call.kind, why="another customer in answer", is_write=True)
    return CustomerWritten(customer["id"])


def _cart(call: Call, body: dict[str, Any], response: Response) -> CartWritten:
    """Return the cart that came back, if it is called as we called it."""
    cart: Any = _CART.load(body)["cart"]
    if cart["checkout"] != call.body["ecomOrder"]["externalcheckoutid"]:
        raise unproven(response, operation=call.kind, why="another cart in answer", is_write=True)
    return CartWritten(cart["id"])


def _membership(call: Call, body: dict[str, Any], response: Response) -> MembershipBegun | MembershipEnded:
    """Return that a membership was begun or ended, if it came back so."""
    row: Any = _MEMBERSHIP.load(body)["membership"]
    sent = call.body["contactList"]
    if str(row["list_"]) != sent["list"] or str(row["status"]) != str(sent["status"]):
        raise unproven(response, operation=call.kind, why="another membership in answer", is_write=True)
    return MembershipBegun() if call.kind is CallKind.SUBSCRIBE else MembershipEnded()


#: What proves each kind of call that the account itself answers; events have a host of their own.
PROOFS: Mapping[CallKind, Callable[[Call, dict[str, Any], Response], Answer]] = {
    CallKind.SYNC_CONTACT: _contact,
    CallKind.UPDATE_CONTACT: _contact,
    CallKind.IMPORT_CONTACTS: _import,
    CallKind.UPSERT_ORDER: _orders,
    CallKind.BULK_UPSERT_ORDERS: _orders,
    CallKind.UPDATE_CUSTOMER: lambda _, body, __: CustomerWritten(str(body["ecomCustomer"]["id"])),
    CallKind.ADD_TAG: _tag,
    CallKind.REMOVE_TAG: lambda *_: TagRemoved(),
    CallKind.CLEAR_VALUE: lambda *_: ValueCleared(),
    CallKind.ENTER_AUTOMATION: _entry,
    CallKind.CREATE_CUSTOMER: _new_customer,
    CallKind.CREATE_CART: _cart,
    CallKind.SUBSCRIBE: _membership,
    CallKind.UNSUBSCRIBE: _membership,
    CallKind.DELETE_CONTACT: lambda *_: ContactDeleted(),
}
