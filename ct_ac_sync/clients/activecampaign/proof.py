"""What the body of a good answer proves, by the kind of call."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError

from ct_ac_sync.clients.activecampaign.classify import error_of_graphql, unproven
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import ServerError, UnclearError
from ct_ac_sync.ports import (
    Answer,
    Call,
    CallKind,
    ContactSeen,
    ContactWritten,
    CustomerWritten,
    ImportQueued,
    OrderSeen,
    OrdersWritten,
    TagRemoved,
    TagWritten,
    ValueCleared,
)
from ct_ac_sync.schemas.activecampaign.inbound import (
    ORDER,
    ContactAnswerSchema,
    ImportQueuedSchema,
    TagLinkAnswerSchema,
)

_CONTACT, _QUEUED, _LINK = ContactAnswerSchema(), ImportQueuedSchema(), TagLinkAnswerSchema()


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
    """Return what the body proves, by the kind of call."""
    try:
        match call.kind:
            case CallKind.SYNC_CONTACT | CallKind.UPDATE_CONTACT:
                seen: ContactSeen = _CONTACT.load(body)["contact"]
                return ContactWritten(seen.contact, seen.email, _uncleared(call, body, seen.contact))
            case CallKind.IMPORT_CONTACTS:
                queued: Any = _QUEUED.load(body)
                is_taken = str(body.get("Success", body.get("success"))) in ("1", "True", "true")
                if not is_taken or queued["queued"] != call.members:
                    raise unproven(response, operation=call.kind, why="not all rows queued", is_write=True)
                return ImportQueued(queued["batch"], queued["queued"])
            case CallKind.UPSERT_ORDER | CallKind.BULK_UPSERT_ORDERS:
                return _orders(call, body, response)
            case CallKind.UPDATE_CUSTOMER:
                return CustomerWritten(str(body["ecomCustomer"]["id"]))
            case CallKind.ADD_TAG:
                return _tag(call, body, response)
            case CallKind.REMOVE_TAG:
                return TagRemoved()
            case CallKind.CLEAR_VALUE:
                return ValueCleared()
    except (ValidationError, KeyError, TypeError) as error:
        why = "body not as documented"
        raise unproven(response, operation=call.kind, why=why, is_write=True) from error


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
