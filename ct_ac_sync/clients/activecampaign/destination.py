"""The destination: calls are prepared, stored by the caller, sent, and their answers proven."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError

from ct_ac_sync.clients.activecampaign.classify import (
    TAG_GONE,
    error_of,
    error_of_graphql,
    is_as_wanted,
)
from ct_ac_sync.clients.activecampaign.inspect import inspect
from ct_ac_sync.clients.activecampaign.proof import answer_of, json_of, undocumented
from ct_ac_sync.clients.activecampaign.provisioner import Provisioner
from ct_ac_sync.clients.activecampaign.tags import Tags
from ct_ac_sync.clients.headers import whole_number
from ct_ac_sync.clients.transport import Response, Transport
from ct_ac_sync.domain.contact import Contact
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import NetworkError, UnclearError
from ct_ac_sync.ports import (
    AccountSeen,
    Answer,
    Call,
    CallKind,
    ContactSeen,
    CustomerSeen,
    Drift,
    FieldWanted,
    ImportStatus,
    Json,
    Layout,
    OrderSeen,
    OrderSend,
    Quota,
    TagRemoved,
    TagSeen,
    TagWritten,
    ValueCleared,
)
from ct_ac_sync.schemas.activecampaign.inbound import (
    ORDER,
    ContactsAnswerSchema,
    CustomersAnswerSchema,
    parse_import_status,
)
from ct_ac_sync.schemas.activecampaign.outbound import dump_contact, dump_import_row, dump_order

GRAPHQL = "/ecom/graphql"
SEEN = "storeOrderId storeModifiedDate creationSource email"
UPSERT = f"mutation Upsert($order: OrderInput!) {{ upsertOrder(order: $order) {{ {SEEN} }} }}"
BULK = f"mutation Bulk($orders: [OrderInput]) {{ bulkUpsertOrders(orders: $orders) {{ {SEEN} }} }}"
GET = (
    "query Get($connection: Int!, $order: String!)"
    f" {{ getOrder(legacyConnectionId: $connection, storeOrderId: $order) {{ {SEEN} }} }}"
)
#: What a refusal answers that says that all is as it was to become.
AS_WANTED: Mapping[CallKind, Answer] = {
    CallKind.ADD_TAG: TagWritten(None),
    CallKind.REMOVE_TAG: TagRemoved(),
    CallKind.CLEAR_VALUE: ValueCleared(),
}
#: Ids in one ``ids[]=``: a page of contacts holds at most 100 (vendor documentation, Pagination).
IDS_A_QUERY = 100

Params = Mapping[str, str | Sequence[str]]

_CONTACTS, _CUSTOMERS = ContactsAnswerSchema(), CustomersAnswerSchema()


def api_base(url: str) -> str:
    """Return the API's base, given with or without ``/api/3`` and a trailing slash."""
    trimmed = url.rstrip("/")
    return trimmed if trimmed.endswith("/api/3") else f"{trimmed}/api/3"


class ActiveCampaignDestination:
    """Writes to and reads one account."""

    def __init__(
        self,
        *,
        api_url: str,
        token: str,
        connection: str,
        timeout_seconds: float = 30.0,
        pace: Callable[[], None] = lambda: None,
        note: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._transport = Transport(api_base(api_url), headers={"Api-Token": token}, vendor="ActiveCampaign")
        self._timeout = timeout_seconds
        self._pace = pace
        self._note = note
        self._quota = Quota()
        self._provisioner = Provisioner(self._read, self._write, connection=connection)
        self._tags = Tags(self._load, self._write)

    @property
    def quota(self) -> Quota:
        """What the last answer's headers said."""
        return self._quota

    # -- calls ------------------------------------------------------------------------

    def prepare_sync(self, contact: Contact, layout: Layout) -> Call:
        """Return the upsert of a contact by its address."""
        body = dump_contact(contact, layout.fields)
        return Call(kind=CallKind.SYNC_CONTACT, method="POST", path="/contact/sync", body=body)

    def prepare_update(self, contact_id: ContactId, contact: Contact, layout: Layout) -> Call:
        """Return the change of a linked contact; the only documented way to change an address."""
        body = dump_contact(contact, layout.fields)
        return Call(kind=CallKind.UPDATE_CONTACT, method="PUT", path=f"/contacts/{contact_id}", body=body)

    def prepare_import(self, contacts: Sequence[Contact], layout: Layout) -> Call:
        """
        Return the bulk import of *contacts*, which starts no automations.

        ``exclude_automations`` stands in both places, because the vendor's example has it
        inside each contact and its prose at the top.
        """
        rows = [dump_import_row(contact, layout.fields) for contact in contacts]
        body = {"contacts": rows, "exclude_automations": True}
        path = "/import/bulk_import"
        return Call(kind=CallKind.IMPORT_CONTACTS, method="POST", path=path, body=body, members=len(rows))

    def prepare_orders(self, orders: Sequence[OrderSend], layout: Layout) -> Call:
        """Return the upsert of orders, as variables: the document stays small."""
        inputs = [
            dump_order(
                each.order,
                creation_source=each.creation_source,
                connection=layout.connection_of(each.connection),
            )
            for each in orders
        ]
        is_single = len(inputs) == 1
        variables = {"order": inputs[0]} if is_single else {"orders": inputs}
        return Call(
            kind=CallKind.UPSERT_ORDER if is_single else CallKind.BULK_UPSERT_ORDERS,
            method="POST",
            path=GRAPHQL,
            body={"query": UPSERT if is_single else BULK, "variables": variables},
            members=len(inputs),
        )

    def prepare_customer(self, customer: str, email: Address) -> Call:
        """Return the change of address of an e-commerce customer."""
        body = {"ecomCustomer": {"email": email}}
        return Call(kind=CallKind.UPDATE_CUSTOMER, method="PUT", path=f"/ecomCustomers/{customer}", body=body)

    def prepare_tag(self, contact: ContactId, tag: str) -> Call:
        """Return the adding of a tag; doing it again changes nothing."""
        body = {"contactTag": {"contact": contact, "tag": tag}}
        return Call(kind=CallKind.ADD_TAG, method="POST", path="/contactTags", body=body)

    def prepare_untag(self, link: str) -> Call:
        """Return the removal of a tag from a contact; doing it again changes nothing."""
        return Call(kind=CallKind.REMOVE_TAG, method="DELETE", path=f"/contactTags/{link}", body={})

    def prepare_clear(self, value: str) -> Call:
        """Return the clearing of a field value, which the vendor documents as its deletion."""
        return Call(kind=CallKind.CLEAR_VALUE, method="DELETE", path=f"/fieldValues/{value}", body={})

    def send(self, call: Call, *, deadline: timedelta) -> Answer:
        """Send *call* and return its answer, proven by its body."""
        response = self._request(
            call.method, call.path, json=call.body or None, operation=call.kind,
            seconds=deadline.total_seconds(),
        )  # fmt: skip
        if is_as_wanted(response, operation=call.kind):
            return AS_WANTED[call.kind]
        if response.status not in (200, 201, 202):
            error = error_of(response, operation=call.kind, is_write=True)
            if error.cause == TAG_GONE:
                self._tags.forget()
            raise error
        body = json_of(response, operation=call.kind, is_write=True)
        return answer_of(call, body, response)

    # -- reads ------------------------------------------------------------------------

    def check(self) -> Json:
        """Return facts about the key's user."""
        body = self._read("/users/me", {}, "users_me")
        user = body.get("user") or {}
        return {"username": user.get("username"), "id": user.get("id")}

    def inspect(self, *, tags: Sequence[str], has_lists: bool) -> AccountSeen:
        """Return what the account has of what a configuration may name."""
        return inspect(self._load, tags=tags, has_lists=has_lists)

    def ensure_layout(self, fields: Sequence[FieldWanted], connections: Sequence[str] = ()) -> Layout:
        """Find or make fields and connections."""
        return self._provisioner.ensure_layout(fields, connections)

    def check_layout(self, layout: Layout) -> tuple[Drift, ...]:
        """Return what of *layout* is not there any more, or goes by another name now."""
        return self._provisioner.check_layout(layout)

    def ensure_tag(self, name: str) -> str:
        """Find or make a tag and return its id."""
        return self._tags.ensure(name)

    def fetch_tags(self, contact: ContactId) -> tuple[TagSeen, ...]:
        """Return the tags that a contact has."""
        return self._tags.fetch(contact)

    def fetch_import(self, batch: str) -> ImportStatus:
        """Return how far an import is."""
        body = self._read("/import/info", {"batchId": batch}, "read_import")
        try:
            return parse_import_status(body)
        except (TypeError, AttributeError) as error:
            raise undocumented("read_import") from error

    def has_outstanding_imports(self) -> bool:
        """Whether any import of the account is not done."""
        body = self._read("/import/bulk_import", {}, "list_imports")
        outstanding = body.get("outstanding")
        if not isinstance(outstanding, list):
            return bool(outstanding)
        try:
            return any(int(each.get("batches") or 0) > 0 for each in outstanding)
        except (TypeError, ValueError, AttributeError) as error:
            raise undocumented("list_imports") from error

    def find_contact(self, email: Address) -> ContactSeen | None:
        """Return the contact with *email*; a filter that is passed over finds nobody here."""
        seen = self._contacts({"email": email})
        return next((each for each in seen if each.email == email), None)

    def fetch_contacts(self, ids: Sequence[ContactId]) -> tuple[ContactSeen, ...]:
        """Return the contacts of *ids* that exist."""
        found: list[ContactSeen] = []
        for start in range(0, len(ids), IDS_A_QUERY):
            part = ids[start : start + IDS_A_QUERY]
            params = {"ids[]": part, "limit": str(IDS_A_QUERY)}
            found += [each for each in self._contacts(params) if each.contact in part]
        return tuple(found)

    def find_order(
        self, store_order_id: str, layout: Layout, connection: str | None = None
    ) -> OrderSeen | None:
        """Return the order under the named connection, as far as it is shown."""
        variables = {"connection": int(layout.connection_of(connection)), "order": store_order_id}
        self._pace()
        response = self._request(
            "POST", GRAPHQL, json={"query": GET, "variables": variables}, operation="get_order",
            seconds=self._timeout,
        )  # fmt: skip
        if response.status != 200:
            raise error_of(response, operation="get_order", is_write=False)
        body = json_of(response, operation="get_order", is_write=False)
        if body.get("errors"):
            raise error_of_graphql(body, operation="get_order", answer=response.excerpt, clean=response.clean)
        row = (body.get("data") or {}).get("getOrder")
        try:
            seen = ORDER.load(row) if row else None
        except ValidationError as error:
            raise undocumented("get_order") from error
        return seen if isinstance(seen, OrderSeen) and seen.store_order_id == store_order_id else None

    def find_customers(
        self, email: Address, layout: Layout, connection: str | None = None
    ) -> tuple[CustomerSeen, ...]:
        """Return the e-commerce customers with *email* under the named connection."""
        id_ = layout.connection_of(connection)
        params = {"filters[email]": email, "filters[connectionid]": id_, "limit": "100"}
        rows = self._load(_CUSTOMERS, "/ecomCustomers", params, "list_customers")["customers"]
        return tuple(
            CustomerSeen(row["id"], row["externalid"]) for row in rows
            if row["email"].strip().lower() == email and row["connectionid"] == id_
        )  # fmt: skip

    # -- requests ---------------------------------------------------------------------

    def _contacts(self, params: Params) -> list[ContactSeen]:
        found: list[ContactSeen] = self._load(_CONTACTS, "/contacts", params, "list_contacts")["contacts"]
        return found

    def _load(self, schema: Schema, path: str, params: Params, operation: str) -> Any:
        body = self._read(path, params, operation)
        try:
            return schema.load(body)
        except ValidationError as error:
            raise undocumented(operation) from error

    def _read(self, path: str, params: Params, operation: str) -> Any:
        self._pace()
        response = self._request("GET", path, params=params, operation=operation, seconds=self._timeout)
        if response.status != 200:
            raise error_of(response, operation=operation, is_write=False)
        return json_of(response, operation=operation, is_write=False)

    def _write(self, path: str, body: Json, operation: str) -> Any:
        """Send one of provisioning's writes, which are looked up again where unclear."""
        self._pace()
        response = self._request("POST", path, json=body, operation=operation, seconds=self._timeout)
        if response.status not in (200, 201):
            raise error_of(response, operation=operation, is_write=True)
        return json_of(response, operation=operation, is_write=True)

    def _request(self, method: str, path: str, *, operation: str, seconds: float, **parts: Any) -> Response:
        try:
            response = self._transport.request(
                method, path, deadline_seconds=seconds, operation=operation, **parts
            )
        except UnclearError:
            self._note(operation, "unanswered")
            raise
        except NetworkError:
            self._note(operation, "unreachable")
            raise
        self._note(operation, str(response.status))
        self._quota = Quota(
            limit=whole_number(response.headers.get("RateLimit-Limit")),
            remaining=whole_number(response.headers.get("RateLimit-Remaining")),
        )
        return response
