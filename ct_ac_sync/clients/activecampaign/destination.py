"""The destination: calls are prepared, stored by the caller, sent, and their answers proven."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from marshmallow import Schema, ValidationError

from ct_ac_sync.clients.activecampaign import tracking
from ct_ac_sync.clients.activecampaign.automations import fetch_entries
from ct_ac_sync.clients.activecampaign.carts import find_cart
from ct_ac_sync.clients.activecampaign.classify import (
    TAG_GONE,
    error_of,
    error_of_graphql,
    is_as_wanted,
)
from ct_ac_sync.clients.activecampaign.event_names import EventNames
from ct_ac_sync.clients.activecampaign.inspect import fetch_lists, inspect
from ct_ac_sync.clients.activecampaign.memberships import (
    ACTIVE,
    RESUBSCRIBED,
    UNSUBSCRIBED,
    fetch_exclusions,
    fetch_memberships,
    fetch_standings,
    page_memberships,
)
from ct_ac_sync.clients.activecampaign.noting import Note, request_noted
from ct_ac_sync.clients.activecampaign.proof import answer_of, json_of, undocumented
from ct_ac_sync.clients.activecampaign.provisioner import Provisioner
from ct_ac_sync.clients.activecampaign.tags import Tags
from ct_ac_sync.clients.activecampaign.tracking import EventHost, Tracker
from ct_ac_sync.clients.headers import whole_number
from ct_ac_sync.clients.transport import Response, Transport
from ct_ac_sync.domain.consent import Membership
from ct_ac_sync.domain.contact import Contact, EcommerceCart
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.ports import (
    AccountSeen,
    Answer,
    Call,
    CallKind,
    ContactDeleted,
    ContactSeen,
    CustomerSeen,
    Drift,
    EntrySeen,
    Exclusion,
    FieldWanted,
    ImportStatus,
    Json,
    Layout,
    ListSeen,
    MembershipPage,
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
from ct_ac_sync.schemas.activecampaign.outbound import (
    dump_cart,
    dump_contact,
    dump_import_row,
    dump_order,
)

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
    CallKind.DELETE_CONTACT: ContactDeleted(),
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
    """
    Writes to and reads one account.

    Args:
        events: Where its events go; without, none can be tracked.
    """

    def __init__(
        self,
        *,
        api_url: str,
        token: str,
        connection: str,
        timeout_seconds: float = 30.0,
        pace: Callable[[], None] = lambda: None,
        note: Note = lambda *_: None,
        events: EventHost | None = None,
    ) -> None:
        self._transport = Transport(api_base(api_url), headers={"Api-Token": token}, vendor="ActiveCampaign")
        self._timeout = timeout_seconds
        self._pace = pace
        self._note = note
        self._quota = Quota()
        self._provisioner = Provisioner(self._read, self._write, connection=connection)
        self._tags = Tags(self._load, self._write)
        self._event_names = EventNames(self._load, self._write, partial(self._write, method="PUT"))
        self._tracker = Tracker(events, note=note)

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
                consent=each.consent,
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

    def prepare_tracking(self, email: Address, name: str, value: str) -> Call:
        """
        Return the tracking of an event; doing it again is another event.

        Raises:
            PayloadError: *value* is longer than what is kept of it.
        """
        return tracking.prepare(email, name, value)

    def prepare_automation(self, contact: ContactId, automation: str) -> Call:
        """Return an entry into an automation; doing it again is another entry."""
        body = {"contactAutomation": {"contact": contact, "automation": automation}}
        return Call(kind=CallKind.ENTER_AUTOMATION, method="POST", path="/contactAutomations", body=body)

    def prepare_new_customer(self, customer: str, email: Address, connection: str) -> Call:
        """Return the making of an e-commerce customer; of marketing, it never says yes."""
        body = {
            "ecomCustomer": {
                "connectionid": connection, "externalid": customer, "email": email, "acceptsMarketing": "0",
            }
        }  # fmt: skip
        return Call(kind=CallKind.CREATE_CUSTOMER, method="POST", path="/ecomCustomers", body=body)

    def prepare_cart(self, cart: EcommerceCart, customer: str, connection: str) -> Call:
        """Return the making of an abandoned cart, which starts automations."""
        body = dump_cart(cart, customer=customer, connection=connection)
        return Call(kind=CallKind.CREATE_CART, method="POST", path="/ecomOrders", body=body)

    def prepare_subscription(self, contact: ContactId, list_: str, *, is_revival: bool) -> Call:
        """Return the beginning of a membership; of a revival, with the mark that the vendor asks for."""
        body = {"contactList": {"contact": contact, "list": list_, "status": int(ACTIVE)}}
        if is_revival:
            body["contactList"]["sourceid"] = RESUBSCRIBED
        return Call(kind=CallKind.SUBSCRIBE, method="POST", path="/contactLists", body=body)

    def prepare_unsubscription(self, contact: ContactId, list_: str) -> Call:
        """Return the end of a membership; doing it again changes nothing."""
        body = {"contactList": {"contact": contact, "list": list_, "status": int(UNSUBSCRIBED)}}
        return Call(kind=CallKind.UNSUBSCRIBE, method="POST", path="/contactLists", body=body)

    def prepare_deletion(self, contact: ContactId) -> Call:
        """Return the deletion of a contact, whose id is nobody else's afterwards."""
        return Call(kind=CallKind.DELETE_CONTACT, method="DELETE", path=f"/contacts/{contact}", body={})

    def send(self, call: Call, *, deadline: timedelta) -> Answer:
        """Send *call* and return its answer, proven by its body."""
        if call.kind is CallKind.TRACK_EVENT:
            return self._tracker.send(call, seconds=deadline.total_seconds())
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

    def inspect(self, *, tags: Sequence[str], has_lists: bool, has_automations: bool = False) -> AccountSeen:
        """Return what the account has of what a configuration may name."""
        return inspect(self._load, tags=tags, has_lists=has_lists, has_automations=has_automations)

    def ensure_layout(
        self, fields: Sequence[FieldWanted], connections: Sequence[str] = (), events: Sequence[str] = ()
    ) -> Layout:
        """Find or make fields, connections and the names of events."""
        layout = self._provisioner.ensure_layout(fields, connections)
        self._event_names.ensure(events)
        return layout

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

    def fetch_memberships(self, contact: ContactId) -> tuple[str, ...]:
        """Return the ids of the lists that the contact is on."""
        return fetch_memberships(self._load, contact)

    def fetch_standings(self, contact: ContactId) -> Mapping[str, Membership]:
        """Return where the contact stands with each list it ever was on, by the lists' ids."""
        return fetch_standings(self._load, contact)

    def page_memberships(self, offset: int) -> MembershipPage:
        """Return a page of all memberships of the account from *offset*, and where the next begins."""
        return page_memberships(self._load, offset)

    def fetch_lists(self) -> tuple[ListSeen, ...]:
        """Return all lists of the account."""
        return fetch_lists(self._load)

    def fetch_exclusions(self) -> tuple[Exclusion, ...]:
        """Return all addresses that the account excludes from what is sent."""
        return fetch_exclusions(self._load)

    def has_tracked(self, contact: ContactId, name: str, mark: str) -> bool:
        """Whether the contact's log shows an event of this name whose value ends with *mark*."""
        return tracking.has_tracked(self._load, contact, name, mark)

    def fetch_entries(self, contact: ContactId, automation: str) -> tuple[EntrySeen, ...]:
        """Return when the contact entered the automation, as far as its runs are shown."""
        return fetch_entries(self._load, contact, automation)

    def find_cart(self, cart: str, connection: str) -> str | None:
        """Return the id of the cart, or of the order that came of it; compares, trusts no filter."""
        return find_cart(self._load, cart, connection)

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

    def _write(self, path: str, body: Json, operation: str, *, method: str = "POST") -> Any:
        """Send one of provisioning's writes, which are looked up again where unclear."""
        self._pace()
        response = self._request(method, path, json=body, operation=operation, seconds=self._timeout)
        if response.status not in (200, 201):
            raise error_of(response, operation=operation, is_write=True)
        return json_of(response, operation=operation, is_write=True)

    def _request(self, method: str, path: str, *, operation: str, seconds: float, **parts: Any) -> Response:
        response = request_noted(
            self._transport, self._note, method, path, operation=operation, seconds=seconds, **parts
        )
        self._quota = Quota(
            limit=whole_number(response.headers.get("RateLimit-Limit")),
            remaining=whole_number(response.headers.get("RateLimit-Remaining")),
        )
        return response
