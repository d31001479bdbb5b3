"""The client of ActiveCampaign without an account: events, entries and carts, and what answers prove."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from ct_ac_sync.clients.activecampaign.automations import fetch_entries
from ct_ac_sync.clients.activecampaign.carts import MOST_LOOKS, MOST_PAGES, find_cart
from ct_ac_sync.clients.activecampaign.classify import error_of, is_as_wanted
from ct_ac_sync.clients.activecampaign.destination import ActiveCampaignDestination
from ct_ac_sync.clients.activecampaign.event_names import EventNames
from ct_ac_sync.clients.activecampaign.inspect import inspect
from ct_ac_sync.clients.activecampaign.proof import PROOFS, answer_of
from ct_ac_sync.clients.activecampaign.tracking import (
    LOG_PAGES,
    EventHost,
    has_tracked,
    prepare,
    tracked,
)
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.domain.contact import EcommerceCart, OrderLine
from ct_ac_sync.domain.event import mark_of, parse_fact
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import (
    GoneError,
    HaltError,
    PayloadError,
    ProvisioningError,
    ServerError,
    SyncError,
    ThrottledError,
    TransientError,
    TriggerError,
    UnclearError,
)
from ct_ac_sync.ports import (
    AutomationEntered,
    AutomationSeen,
    CallKind,
    CartWritten,
    CustomerWritten,
    EntrySeen,
    EventTracked,
)

ANN, CONTACT = Address("ann@example.org"), ContactId("7")
MARK = mark_of("shop", parse_fact("shipped.tracking/17"))
SECONDS = timedelta(seconds=1)
CART = EcommerceCart(
    cart_id="c1",
    customer_id="u1",
    email=ANN,
    currency="EUR",
    final_amount=Decimal("59.90"),
    created_at=datetime(2026, 1, 1, 10, 0, 0, 999_000, tzinfo=UTC),
    modified_at=datetime(2026, 1, 1, 11, tzinfo=UTC),
    abandoned_at=datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
    lines=(
        OrderLine(
            line_id="l1", product_id="p1", variant_id="p1#1", name="Shoe", quantity=2, price=Decimal("29.95")
        ),
    ),
    url="https://example.org/cart/c1",
)


def account(**more: Any) -> ActiveCampaignDestination:
    """Return a client whose account cannot be reached."""
    url = "http://127.0.0.1:9"
    return ActiveCampaignDestination(api_url=url, token="secret", connection="shop", **more)


def answered(status: int, body: Any = None, **headers: str) -> Response:
    """Return an answer; bytes go as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=CaseInsensitiveDict(named), body=raw)


def refused(**row: Any) -> Any:
    """Return a refusal in the vendor's envelope."""
    return {"errors": [row]}


class Shelf:
    """An account of lists in pages of a hundred, and of single rows; it heeds no filter and no order."""

    def __init__(self, bodies: Mapping[str, Any]) -> None:
        self.bodies = dict(bodies)
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def load(self, schema: Any, path: str, params: Mapping[str, Any], operation: str) -> Any:
        """Return a page of what there is at a path."""
        self.asked.append((path, params))
        if path not in self.bodies:
            raise GoneError(f"no {path}")
        body = self.bodies[path]
        start = int(params.get("offset", 0))
        rows = {k: v[start : start + 100] if isinstance(v, list) else v for k, v in body.items()}
        return schema.load(rows)


def looks(shelf: Shelf) -> list[str]:
    """Return the paths that were asked for."""
    return [path for path, _ in shelf.asked]


# -- events ---------------------------------------------------------------------------


class TestEventHost:
    def test_nothing_shows_the_key(self):
        """Neither the host nor a call that is stored has the key in it."""
        host = EventHost(url="https://events.example.org/event", actid="123", key="very-secret")
        call = account(events=host).prepare_tracking(ANN, "shipped", "x")

        assert "very-secret" not in f"{host!r}{call!r}{call.body!r}"
        assert call.body == {"event": "shipped", "eventdata": "x", "visit": {"email": ANN}}
        assert "123" not in str(call.body)

    def test_without_a_host_nothing_is_tracked(self):
        """An event can be prepared all the same, and its sending says what is missing."""
        client = account()
        call = client.prepare_tracking(ANN, "shipped", "x")

        with pytest.raises(TriggerError) as caught:
            client.send(call, deadline=SECONDS)

        assert caught.value.cause == "event_key_missing"

    def test_a_host_that_is_away_is_told_from_the_account(self):
        """That nothing is reached has another cause than with the account, and is noted."""
        notes: list[tuple[str, str]] = []
        host = EventHost(url="http://127.0.0.1:9/event", actid="1", key="k")
        client = account(events=host, note=lambda *note: notes.append(note))

        with pytest.raises(TransientError) as caught:
            client.send(client.prepare_tracking(ANN, "shipped", "x"), deadline=SECONDS)

        assert caught.value.cause == "ActiveCampaign's event host: unreachable"
        assert notes == [("track_event", "unreachable")]

    @given(st.text(min_size=1, max_size=60))
    @example("n" * 33)
    def test_a_name_is_cut_as_it_is_kept(self, name: str):
        """What is sent of a name is what can be found of it again."""
        assert prepare(ANN, name, "").body["event"] == name[:32]

    def test_a_value_is_never_cut(self):
        """A value of 250 characters goes as it is, and a longer one is refused before its mark is lost."""
        assert prepare(ANN, "shipped", "x" * 250).body["eventdata"] == "x" * 250
        with pytest.raises(PayloadError) as caught:
            prepare(ANN, "shipped", "x" * 251)

        assert caught.value.cause == "track_event: value_too_long"


#: status, body → class, cause.
REFUSALS = [
    (200, {"success": 0, "message": "Invalid actid or key"}, TriggerError, "event_key_refused"),
    (200, {"success": 0, "message": "Unauthorized"}, TriggerError, "event_key_refused"),
    (200, {"success": 0, "message": "Event tracking is not enabled"}, TriggerError, "event_tracking_off"),
    (200, {"success": 0, "message": "Event tracking is disabled"}, TriggerError, "event_tracking_off"),
    (200, {"success": 0, "message": "The contact does not exist"}, PayloadError, "track_event: refused"),
    (200, {"success": "0"}, PayloadError, "track_event: refused"),
    (200, {"success": False, "message": None}, PayloadError, "track_event: refused"),
    (200, b"0", PayloadError, "track_event: refused"),
    (200, b"0\n", PayloadError, "track_event: refused"),
    (200, b"", UnclearError, "track_event: neither taken nor refused"),
    (200, b"<html></html>", UnclearError, "track_event: neither taken nor refused"),
    (200, {}, UnclearError, "track_event: neither taken nor refused"),
    (200, [], UnclearError, "track_event: neither taken nor refused"),
    (200, {"success": 2}, UnclearError, "track_event: neither taken nor refused"),
    (400, {}, PayloadError, "track_event: 400"),
    (401, None, TriggerError, "event_key_refused"),
    (403, b"<html></html>", TransientError, "track_event: 403"),
    (404, b"<html></html>", TriggerError, "event_host_refused"),
    (429, b"Too Many Requests", ThrottledError, "track_event: 429"),
    (302, None, UnclearError, "track_event: 302"),
    (500, None, UnclearError, "track_event: 500"),
    (503, None, UnclearError, "track_event: 503"),
]


class TestEventAnswers:
    @pytest.mark.parametrize(
        "body",
        [
            {"success": 1, "message": "Event spawned"}, {"success": "1"}, {"success": True},
            b"1", b" 1\r\n", b'"1"', b"true",
        ],
    )  # fmt: skip
    def test_a_taken_event_is_told_in_several_ways(self, body: Any):
        """The documented answer and the digit that was seen say the same."""
        assert tracked(answered(200, body)) == EventTracked()

    @pytest.mark.parametrize(("status", "body", "kind", "cause"), REFUSALS)
    def test_each_refusal_has_its_class_and_cause(
        self, status: int, body: Any, kind: type[SyncError], cause: str
    ):
        """What no event can pass stops a kind of event, what this one cannot is buried, the rest is unclear."""
        with pytest.raises(SyncError) as caught:
            tracked(answered(status, body))

        assert (type(caught.value), caught.value.cause) == (kind, cause)

    @given(st.integers(100, 599), st.binary(max_size=40) | st.sampled_from([b"0", b"1", b"{}"]))
    def test_no_answer_halts_the_account(self, status: int, body: bytes):
        """Whatever the event host says, contacts and orders go on."""
        error: SyncError | None = None
        try:
            tracked(answered(status, body))
        except SyncError as caught:
            error = caught

        assert not isinstance(error, HaltError)
        assert error is None or error.cause != "forbidden"
        assert error is not None or (status in (200, 201, 202) and body.strip() == b"1")

    def test_the_waiting_time_is_what_the_header_says(self):
        """Retry-After travels with the error."""
        with pytest.raises(ThrottledError) as caught:
            tracked(answered(429, None, Retry_After="30"))

        assert caught.value.retry_after_seconds == 30

    def test_what_is_echoed_is_taken_out(self):
        """An answer that repeats what was sent tells nobody of it."""
        body = {"success": 0, "message": f"{ANN} with Ada Lovelace is not known"}
        response = replace(answered(200, body), sent={"email": ANN, "value": ["Ada Lovelace"]})

        with pytest.raises(PayloadError) as caught:
            tracked(response)

        assert "Ada" not in f"{caught.value}{caught.value.answer}{caught.value.cause}"
        assert ANN not in f"{caught.value}{caught.value.answer}{caught.value.cause}"


def logged(number: int, value: str, name: str = "shipped") -> dict[str, Any]:
    """Return a row of a contact's log."""
    return {"id": str(number), "type": name, "value": value, "contact": "7"}


class TestTrackingLog:
    PATH = "/contacts/7/trackingLogs"

    @given(st.integers(1, 450), st.data())
    def test_an_event_is_found_wherever_it_stands(self, size: int, data: st.DataObject):
        """Neither end of the log is taken to be the newest."""
        place = data.draw(st.integers(0, size - 1))
        rows = [logged(n, f"x {MARK}" if n == place else "x") for n in range(size)]
        shelf = Shelf({self.PATH: {"trackingLogs": rows}})

        assert has_tracked(shelf.load, CONTACT, "shipped", MARK)
        assert len(shelf.asked) == place // 100 + 1

    @pytest.mark.parametrize(
        ("row", "is_found"),
        [
            (logged(1, f"shoe {MARK}"), True),
            (logged(1, MARK), True),
            (logged(1, f"shoe {MARK}", "Shipped"), True),
            (logged(1, f"shoe {MARK}", "delivered"), False),
            (logged(1, f"{MARK} shoe"), False),
            (logged(1, "shoe"), False),
            ({"id": "1", "type": "shipped", "value": None}, False),
            ({"id": "1"}, False),
        ],
    )
    def test_an_event_is_known_by_its_name_and_the_end_of_its_value(
        self, *, row: dict[str, Any], is_found: bool
    ):
        """A mark anywhere else is not ours, and a name may be spelt in another case there."""
        shelf = Shelf({self.PATH: {"trackingLogs": [row]}})

        assert has_tracked(shelf.load, CONTACT, "shipped", MARK) is is_found

    def test_a_long_name_is_found_cut(self):
        """What is kept of a name is compared, and nothing more."""
        shelf = Shelf({self.PATH: {"trackingLogs": [logged(1, MARK, "n" * 32)]}})

        assert has_tracked(shelf.load, CONTACT, "n" * 40, MARK)

    def test_a_log_without_end_is_not_read_for_ever(self):
        """So many pages are read and no more."""
        shelf = Shelf({self.PATH: {"trackingLogs": [logged(n, "x") for n in range(100 * LOG_PAGES + 500)]}})

        assert not has_tracked(shelf.load, CONTACT, "shipped", MARK)
        assert len(shelf.asked) == LOG_PAGES

    def test_a_contact_that_is_gone_is_told(self):
        """No log of nobody is no empty log."""
        with pytest.raises(GoneError):
            has_tracked(Shelf({}).load, CONTACT, "shipped", MARK)


class _Account:
    """An account that registers names and tracks events, unless it is told not to."""

    def __init__(self, *names: str, is_on: bool = False, refuses: type[SyncError] | None = None) -> None:
        self.names, self.is_on = list(names), is_on
        self.refuses = refuses
        self.does_it_anyway = True
        self.writes: list[str] = []

    def load(self, schema: Any, path: str, params: Mapping[str, str], operation: str) -> Any:
        """Show the names, or whether tracking is on."""
        if path == "/eventTracking":
            return schema.load({"eventTracking": {"enabled": self.is_on}})
        start = int(params["offset"])
        rows = [{"name": name} for name in self.names[start : start + 100]]
        return schema.load({"eventTrackingEvents": rows, "meta": {"total": len(self.names)}})

    def post(self, path: str, body: Any, operation: str) -> Any:
        """Register a name."""
        name = body["eventTrackingEvent"]["name"]
        self.writes.append(name)
        if self.does_it_anyway and name not in self.names:
            self.names.append(name)
        return self._answer(body)

    def put(self, path: str, body: Any, operation: str) -> Any:
        """Switch tracking on."""
        self.writes.append("on")
        self.is_on = self.is_on or self.does_it_anyway
        return self._answer(body)

    def _answer(self, body: Any) -> Any:
        if self.refuses is not None:
            raise self.refuses("no")
        return body


class TestEventNames:
    @staticmethod
    def ensure(there: _Account, *names: str) -> None:
        """Make sure of names."""
        EventNames(there.load, there.post, there.put).ensure(names)

    def test_what_is_missing_is_registered(self):
        """A name that is there is left, one that is not is registered once, and tracking is switched on."""
        there = _Account("shipped")

        self.ensure(there, "shipped", "delivered", "delivered")

        assert there.writes == ["delivered", "on"]

    def test_names_on_a_second_page_are_there(self):
        """Names are read to the end before any is made."""
        there = _Account(*(f"event {n}" for n in range(150)), "shipped", is_on=True)

        self.ensure(there, "shipped")

        assert there.writes == []

    def test_without_names_nothing_is_asked(self):
        """An account whose events nobody wants is left as it is."""
        there = _Account()

        self.ensure(there)

        assert (there.writes, there.is_on) == ([], False)

    def test_a_long_name_is_registered_as_it_is_sent(self):
        """An event is sent under a name of 32 characters, so that is what must be known."""
        there = _Account(is_on=True)

        self.ensure(there, "n" * 40)

        assert there.names == ["n" * 32]

    @pytest.mark.parametrize("refuses", [PayloadError, UnclearError])
    def test_what_is_there_after_a_refusal_is_good(self, refuses: type[SyncError]):
        """A duplicate, or an answer that was lost, is looked up again."""
        there = _Account(refuses=refuses)

        self.ensure(there, "shipped")

        assert (there.names, there.is_on) == (["shipped"], True)

    @pytest.mark.parametrize(
        ("refuses", "kind"), [(PayloadError, ProvisioningError), (UnclearError, ServerError)]
    )
    @pytest.mark.parametrize(
        ("names", "cause"), [((), "event_name_missing"), (("shipped",), "event_tracking_off")]
    )
    def test_what_is_not_made_is_told(
        self, refuses: type[SyncError], kind: type[SyncError], names: tuple[str, ...], cause: str
    ):
        """A refusal halts, and what was unclear is to be asked again."""
        there = _Account(*names, refuses=refuses)
        there.does_it_anyway = False

        with pytest.raises(kind) as caught:
            self.ensure(there, "shipped")

        assert caught.value.cause.removesuffix(": unclear") == cause

    def test_a_name_in_another_case_may_be_the_same(self):
        """An account that takes two spellings for one refuses the second, which is then there."""
        there = _Account("Shipped", is_on=True, refuses=PayloadError)
        there.does_it_anyway = False

        self.ensure(there, "shipped")

        assert there.names == ["Shipped"]


# -- automations ----------------------------------------------------------------------

ENTER = account().prepare_automation(CONTACT, "12")


def run(**values: Any) -> dict[str, Any]:
    """Return a run as a contact's list shows it."""
    row = {"id": "1", "contact": "7", "automation": "12", "seriesid": "12", "status": "2"}
    return row | {"adddate": "2026-03-01T08:51:57-06:00", "remdate": None} | values


class TestAutomations:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "cause"),
        [
            (403, {"message": "Could not create SubscriberSeries"}, TriggerError, "automation_inactive"),
            (403, {"message": "Forbidden"}, TransientError, "forbidden"),
            (403, refused(status=403, title="Forbidden", detail="no"), TransientError, "forbidden"),
            (403, b"<html></html>", TransientError, "forbidden"),
            (404, {"message": "No Result found for Automation with id 9"}, TriggerError, "automation_inactive"),
            (
                404, {"message": "No Result found for Subscriber with id 7"},
                GoneError, "enter_automation: no_result_found_for_subscriber_with_id_7",
            ),
            (
                422, refused(title="x", code="related_missing", source={"pointer": "/data/attributes/contact"}),
                GoneError, "enter_automation: related_missing",
            ),
            (
                422, refused(title="x", code="related_missing", source={"pointer": "/data/attributes/automation"}),
                TriggerError, "automation_inactive",
            ),
            (422, refused(title="contact is not valid"), PayloadError, "enter_automation: contact_is_not_valid"),
            (429, None, ThrottledError, "enter_automation: 429"),
            (500, None, UnclearError, "enter_automation: 500"),
        ],
    )  # fmt: skip
    def test_each_refusal_has_its_class_and_cause(
        self, status: int, body: Any, kind: type[SyncError], cause: str
    ):
        """What does not run stops no key, and a contact that is gone is told from it."""
        response = answered(status, body)

        error = error_of(response, operation="enter_automation", is_write=True)

        assert (type(error), error.cause) == (kind, cause)
        assert not is_as_wanted(response, operation="enter_automation")

    @pytest.mark.parametrize("operation", ["sync_contact", "add_tag", "update_customer"])
    def test_the_words_of_a_run_mean_nothing_elsewhere(self, operation: str):
        """Only an entry is refused for its automation."""
        body = {"message": "Could not create SubscriberSeries"}

        error = error_of(answered(403, body), operation=operation, is_write=True)

        assert (type(error), error.cause) == (TransientError, "forbidden")

    @pytest.mark.parametrize("row", [run(id="3"), run(id="3", automation=None), run(id="3", seriesid=None)])
    def test_an_entry_is_proven_by_its_run(self, row: dict[str, Any]):
        """The answer names contact and automation as they were sent, by either of two names."""
        body = {"contacts": [], "contactAutomation": row}

        assert answer_of(ENTER, body, answered(201, body)) == AutomationEntered("3")

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"contactAutomation": None}, {"contactAutomation": {}},
            {"contactAutomation": run(contact="8")},
            {"contactAutomation": run(automation="13", seriesid="13")},
        ],
    )  # fmt: skip
    def test_another_run_proves_nothing(self, body: Any):
        """A good status with a run of somebody else, or without one, is unclear."""
        with pytest.raises(UnclearError):
            answer_of(ENTER, body, answered(201, body))


class TestEntries:
    PATH = "/contacts/7/contactAutomations"

    def entries(self, *rows: dict[str, Any]) -> tuple[EntrySeen, ...]:
        """Return the entries that these rows show."""
        return fetch_entries(Shelf({self.PATH: {"contactAutomations": list(rows)}}).load, CONTACT, "12")

    def test_an_entry_has_its_instant(self):
        """The account's own zone stands in its stamps."""
        seen = EntrySeen(automation="12", entered_at=datetime(2026, 3, 1, 14, 51, 57, tzinfo=UTC))

        assert self.entries(run()) == (seen,)

    @given(st.integers(0, 350), st.integers(1, 7))
    def test_all_pages_are_read(self, size: int, every: int):
        """However many runs there are, those of the automation come, each once."""
        rows = [
            run(id=str(n), automation="12" if n % every == 0 else "13", seriesid="12" if n % every == 0 else "13")
            for n in range(size)
        ]  # fmt: skip

        assert len(self.entries(*rows)) == -(-size // every)

    @pytest.mark.parametrize(
        "other",
        [
            run(id="2", automation="13", seriesid="13"),
            run(id="2", automation="13", seriesid="13", adddate="0000-00-00 00:00:00"),
            run(id="2", automation="120", seriesid="120", adddate=None),
            {"id": "2"},
        ],
    )
    def test_other_automations_do_no_harm(self, other: dict[str, Any]):
        """Runs of other automations are dropped, whatever they show."""
        assert len(self.entries(other, run(), other | {"id": "5"})) == 1

    @pytest.mark.parametrize("row", [run(automation=None), run(seriesid=None), run(remdate="0000-00-00")])
    def test_a_run_may_call_its_automation_by_one_name_only(self, row: dict[str, Any]):
        """Either name is enough, and an end that never came is nothing to read."""
        assert len(self.entries(row)) == 1

    @pytest.mark.parametrize(
        "added", ["2026-03-01T08:51:57", "2026-03-01 08:51:57", "0000-00-00 00:00:00", "soon", "", None]
    )
    def test_a_time_without_an_offset_is_no_instant(self, added: str | None):
        """A zone is never guessed: whether it was before or after would be guessed with it."""
        with pytest.raises(ServerError) as caught:
            self.entries(run(adddate=added))

        assert caught.value.cause == "list_contact_automations: body not as documented"

    def test_a_contact_that_is_gone_is_told(self):
        """No runs of nobody are not none."""
        with pytest.raises(GoneError):
            fetch_entries(Shelf({}).load, CONTACT, "12")


class TestInspection:
    EMPTY: Mapping[str, Any] = {"/fields": {"fields": []}, "/connections": {"connections": []}}

    def test_automations_are_read_to_the_end(self):
        """Each says whether it is active, by the vendor's status, and those of the second page are there."""
        rows = [{"id": str(n), "name": f"A{n}", "status": "1" if n % 2 else "2"} for n in range(1, 102)]
        shelf = Shelf(self.EMPTY | {"/automations": {"automations": rows, "meta": {"total": "101"}}})

        seen = inspect(shelf.load, tags=(), has_lists=False, has_automations=True).automations

        assert len(seen) == 101
        assert seen[:2] == (
            AutomationSeen(id="1", name="A1", is_active=True),
            AutomationSeen(id="2", name="A2", is_active=False),
        )

    def test_nobody_asks_for_what_does_not_matter(self):
        """A key without the right to see automations is enough where no rule names one."""
        shelf = Shelf(self.EMPTY)

        assert inspect(shelf.load, tags=(), has_lists=False).automations == ()
        assert "/automations" not in looks(shelf)


# -- carts ----------------------------------------------------------------------------

CREATE = account().prepare_cart(CART, "3", "1")
BUYER = account().prepare_new_customer("u1", ANN, "1")


class TestCarts:
    def test_a_cart_is_what_the_vendor_documents(self):
        """A cart has no id of an order, is of the present, and counts in cents."""
        assert (CREATE.kind, CREATE.method, CREATE.path) == (CallKind.CREATE_CART, "POST", "/ecomOrders")
        assert CREATE.body == {
            "ecomOrder": {
                "externalcheckoutid": "c1",
                "source": "1",
                "email": ANN,
                "currency": "EUR",
                "totalPrice": 5990,
                "connectionid": "1",
                "customerid": "3",
                "externalCreatedDate": "2026-01-01T10:00:00+00:00",
                "externalUpdatedDate": "2026-01-01T11:00:00+00:00",
                "abandonedDate": "2026-01-01T12:00:00+00:00",
                "orderUrl": "https://example.org/cart/c1",
                "orderProducts": [{"externalid": "p1", "name": "Shoe", "price": 2995, "quantity": 2}],
            }
        }

    def test_a_cart_without_lines_says_so(self):
        """It is sent without products, and without an address that nobody knows."""
        call = account().prepare_cart(replace(CART, lines=(), url=""), "3", "1")

        assert call.body["ecomOrder"]["orderProducts"] == []
        assert "orderUrl" not in call.body["ecomOrder"]

    @pytest.mark.parametrize(
        ("currency", "amount", "cents"),
        [
            ("EUR", "59.90", 5990), ("JPY", "500", 50000), ("KWD", "1.234", 123), ("KWD", "1.235", 124),
            ("EUR", "0.005", 1), ("EUR", "0", 0), ("EUR", "99999999999.99", 9999999999999),
        ],
    )  # fmt: skip
    def test_money_is_in_hundredths_whatever_the_currency(self, currency: str, amount: str, cents: int):
        """The vendor knows cents only, and half of one is rounded up."""
        cart = replace(CART, currency=currency, final_amount=Decimal(amount))

        assert account().prepare_cart(cart, "3", "1").body["ecomOrder"]["totalPrice"] == cents

    @given(st.integers(0, 10**12))
    def test_two_decimals_are_exact(self, cents: int):
        """Of an amount in hundredths, nothing is lost."""
        cart = replace(CART, final_amount=Decimal(cents).scaleb(-2))

        assert account().prepare_cart(cart, "3", "1").body["ecomOrder"]["totalPrice"] == cents

    @given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    def test_a_moment_is_never_told_later_than_it_was(self, moment: datetime):
        """What is abandoned now is past when it is read there."""
        body = account().prepare_cart(replace(CART, abandoned_at=moment), "3", "1").body["ecomOrder"]

        told = datetime.fromisoformat(body["abandonedDate"])
        assert timedelta() <= moment - told < timedelta(seconds=1)

    def test_a_cart_is_proven_by_what_we_call_it(self):
        """The answer shows the same cart, and its id there."""
        body = {"ecomOrder": {"id": "9", "externalcheckoutid": "c1"}}

        assert answer_of(CREATE, body, answered(201, body)) == CartWritten("9")

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"ecomOrder": None}, {"ecomOrder": {"id": "9"}}, {"ecomOrder": {"externalcheckoutid": "c1"}},
            {"ecomOrder": {"id": "9", "externalcheckoutid": "c2"}},
            {"ecomOrder": {"id": "9", "externalcheckoutid": None}},
        ],
    )  # fmt: skip
    def test_another_cart_proves_nothing(self, body: Any):
        """A good status with another cart, or without one, is unclear."""
        with pytest.raises(UnclearError):
            answer_of(CREATE, body, answered(201, body))


class TestBuyers:
    def test_a_new_customer_agrees_to_nothing(self):
        """Whoever leaves a cart has not said yes to marketing."""
        assert BUYER.body == {
            "ecomCustomer": {
                "connectionid": "1",
                "externalid": "u1",
                "email": ANN,
                "acceptsMarketing": "0",
            }
        }

    def test_a_customer_is_proven_by_what_we_call_it(self):
        """The answer shows the same customer, and another one proves nothing."""
        body = {"ecomCustomer": {"id": "3", "externalid": "u1", "email": ANN}}
        other = {"ecomCustomer": {"id": "3", "externalid": "u2", "email": ANN}}

        assert answer_of(BUYER, body, answered(201, body)) == CustomerWritten("3")
        with pytest.raises(UnclearError):
            answer_of(BUYER, other, answered(201, other))

    @pytest.mark.parametrize(
        ("operation", "cause"), [("create_customer", "customer_exists"), ("create_cart", "cart_exists")]
    )
    @pytest.mark.parametrize("status", [400, 409, 422])
    @pytest.mark.parametrize(
        "body",
        [
            refused(title="x", code="duplicate", source={"pointer": "/data/attributes/externalid"}),
            refused(title="x", code="duplicate", source={"pointer": "/data/attributes/email"}),
            {"message": "The order already exists in the system."},
        ],
    )
    def test_what_is_there_is_to_be_found(self, operation: str, cause: str, status: int, body: Any):
        """A duplicate is no fault: the next try finds it instead of making it."""
        error = error_of(answered(status, body), operation=operation, is_write=True)

        assert (type(error), error.cause) == (TransientError, cause)

    @pytest.mark.parametrize(
        ("operation", "status", "body", "kind", "cause"),
        [
            (
                "create_cart", 422, refused(title="Related customer does not exist.", code="related_missing"),
                PayloadError, "create_cart: related_missing",
            ),
            ("create_cart", 400, {}, PayloadError, "create_cart: 400"),
            ("create_customer", 403, {"message": "Forbidden"}, TransientError, "forbidden"),
            ("create_cart", 503, None, UnclearError, "create_cart: 503"),
        ],
    )  # fmt: skip
    def test_other_refusals_are_as_ever(
        self, operation: str, status: int, body: Any, kind: type[SyncError], cause: str
    ):
        """What is not there already is not taken for that."""
        error = error_of(answered(status, body), operation=operation, is_write=True)

        assert (type(error), error.cause) == (kind, cause)


def order(id_: str, checkout: str | None = None, connection: str = "1", **more: Any) -> dict[str, Any]:
    """Return a row of the REST side; lists do not show what a cart is called."""
    shown = {} if checkout is None else {"externalcheckoutid": checkout}
    return {"id": id_, "connectionid": connection} | shown | more


class TestFindingCarts:
    @staticmethod
    def find(rows: list[dict[str, Any]], *alone: dict[str, Any]) -> tuple[str | None, list[str]]:
        """Return what is found of cart c1, and what was looked at."""
        singles = {f"/ecomOrders/{row['id']}": {"ecomOrder": row} for row in alone}
        shelf = Shelf({"/ecomOrders": {"ecomOrders": rows}} | singles)
        return find_cart(shelf.load, "c1", "1"), looks(shelf)

    def test_a_row_that_tells_is_enough(self):
        """Where the list shows what a cart is called, nothing else is asked."""
        assert self.find([order("4", "c11"), order("5", "c1")]) == ("5", ["/ecomOrders"])

    def test_a_row_that_does_not_tell_is_looked_at(self):
        """By the vendor's example the list shows no such thing, and a single order does."""
        found, asked = self.find([order("4"), order("5")], order("4", "c11"), order("5", "c1"))

        assert (found, asked) == ("5", ["/ecomOrders", "/ecomOrders/4", "/ecomOrders/5"])

    @pytest.mark.parametrize(
        "row", [order("4", "c1", "2"), order("4", "c11"), order("4", "C1"), order("4", None, "2")]
    )
    def test_no_filter_is_trusted(self, row: dict[str, Any]):
        """A cart of another connection, or with another id, is not ours, and not looked at."""
        assert self.find([row]) == (None, ["/ecomOrders"])

    def test_a_row_that_is_another_when_seen_alone_is_not_it(self):
        """The list may be behind what a row says by itself, and a row may be gone."""
        found, _ = self.find([order("4"), order("5"), order("6")], order("4", "c1", "2"), order("5", None))

        assert found is None

    def test_a_cart_that_became_an_order_is_found(self):
        """It is the same row there, by now with the id of an order."""
        found, _ = self.find([order("4", externalid="o1")], order("4", "c1", externalid="o1"))

        assert found == "4"

    def test_none_is_none(self):
        """Where there is no cart, there is none to be told of."""
        assert self.find([]) == (None, ["/ecomOrders"])

    def test_a_cart_on_a_later_page_is_found(self):
        """The list is read to its end."""
        rows = [order(str(n), f"x{n}") for n in range(250)]

        assert self.find([*rows, order("999", "c1")])[0] == "999"

    @pytest.mark.parametrize(
        "rows",
        [
            [order(str(n)) for n in range(MOST_LOOKS + 1)],
            [order(str(n), "x") for n in range(100 * MOST_PAGES + 1)],
        ],
    )
    def test_a_filter_that_is_not_heeded_proves_nothing(self, rows: list[dict[str, Any]]):
        """That a cart is not among the first of all orders does not say that there is none."""
        with pytest.raises(ServerError) as caught:
            self.find(rows)

        assert caught.value.cause == "list_carts: filter not heeded"


def test_every_kind_of_call_has_its_proof():
    """The answer to each kind of call is read in one place, but for those of the event host and the shop."""
    assert set(PROOFS) | {CallKind.TRACK_EVENT, CallKind.WRITE_BACK} == set(CallKind)
