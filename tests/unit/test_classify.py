"""What the vendors' answers mean: tables of operation, status and body."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from ct_ac_sync.clients.activecampaign.classify import error_of as error_of_account
from ct_ac_sync.clients.activecampaign.classify import error_of_graphql, unproven
from ct_ac_sync.clients.commercetools.classify import error_of as error_of_shop
from ct_ac_sync.clients.headers import http_date, retry_after_seconds, whole_number
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import (
    AddressTakenError,
    ContractError,
    CredentialsError,
    GoneError,
    PayloadError,
    RejectedError,
    ServerError,
    SyncError,
    ThrottledError,
    TooLargeError,
    TransientError,
    UnclearError,
)
from ct_ac_sync.redaction import redact

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def answered(status: int, body: Any = None, **headers: str) -> Response:
    """Return an answer; bytes go as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=CaseInsensitiveDict(named), body=raw)


def shop_fault(status: int, code: str, message: str = "a message", **more: Any) -> Any:
    """Return an error in Commercetools' envelope."""
    row = {"code": code, "message": message, **more}
    return {"statusCode": status, "message": message, "errors": [row]}


def account_fault(**row: Any) -> Any:
    """Return an error in the first of ActiveCampaign's shapes."""
    return {"errors": [row]}


TAKEN = account_fault(
    title="Email address already exists in the system",
    detail="",
    code="duplicate",
    source={"pointer": "/data/attributes/email"},
)

#: operation, whether it writes, status, body → class, cause.
ACCOUNT = [
    ("sync_contact", True, 400, {}, PayloadError, "sync_contact: 400"),
    (
        "sync_contact", True, 400,
        account_fault(status=400, title="Bad Request", detail="Email is missing"),
        PayloadError, "sync_contact: bad_request",
    ),
    ("users_me", False, 401, None, CredentialsError, "users_me: 401"),
    ("users_me", False, 403, {"message": "Forbidden"}, TransientError, "forbidden"),
    (
        "sync_contact", True, 403,
        account_fault(status=403, title="Forbidden", detail="You are not authorized"),
        TransientError, "forbidden",
    ),
    (
        "update_contact", True, 404, {"message": "No Result found for Subscriber with id 1"},
        GoneError, "update_contact: no_result_found_for_subscriber_with_id_1",
    ),
    (
        "update_contact", True, 404, account_fault(title="Resource not found", code="related_missing"),
        GoneError, "update_contact: related_missing",
    ),
    ("update_contact", True, 422, TAKEN, AddressTakenError, "update_contact: duplicate"),
    (
        "create_field", True, 422,
        account_fault(title="Perstag taken", code="duplicate", source={"pointer": "/data/attributes/perstag"}),
        PayloadError, "create_field: duplicate",
    ),
    (
        "sync_contact", True, 422,
        account_fault(title="Email address is not valid", code="email_invalid", error="must_be_valid_email_address"),
        PayloadError, "sync_contact: email_invalid",
    ),
    (
        "sync_contact", True, 422, account_fault(title="First Name is not valid!"),
        PayloadError, "sync_contact: first_name_is_not_valid",
    ),
    ("create_field", True, 422, {"errors": "options are missing"}, PayloadError, "create_field: options_are_missing"),
    ("sync_contact", True, 429, None, ThrottledError, "sync_contact: 429"),
    ("list_contacts", False, 429, HTML, ThrottledError, "list_contacts: 429"),
    ("sync_contact", True, 500, None, UnclearError, "sync_contact: 500"),
    ("sync_contact", True, 502, HTML, UnclearError, "sync_contact: 502"),
    ("sync_contact", True, 503, None, UnclearError, "sync_contact: 503"),
    ("sync_contact", True, 408, None, UnclearError, "sync_contact: 408"),
    ("upsert_order", True, 521, HTML, UnclearError, "upsert_order: 521"),
    ("list_contacts", False, 500, None, ServerError, "list_contacts: 500"),
    ("list_contacts", False, 502, HTML, ServerError, "list_contacts: 502"),
    ("list_contacts", False, 503, None, ServerError, "list_contacts: 503"),
    ("list_contacts", False, 504, None, ServerError, "list_contacts: 504"),
    ("list_contacts", False, 526, HTML, ServerError, "list_contacts: 526"),
    ("list_contacts", False, 302, HTML, ServerError, "list_contacts: 302"),
    ("list_contacts", False, 400, [1], PayloadError, "list_contacts: 400"),
    ("list_contacts", False, 400, {"errors": {"a": "b"}}, PayloadError, "list_contacts: 400"),
    ("list_contacts", False, 400, {"errors": [None]}, PayloadError, "list_contacts: 400"),
]  # fmt: skip

#: body of a refused import → class, cause, rows, waiting time.
IMPORTS = [
    (
        {"success": 0, "message": "Invalid", "failureReasons": [{"contact": 230, "failureReason": "no email"}]},
        PayloadError, "import_contacts: no_email", {"229": "no email"}, None,
    ),
    (
        {
            "success": 0,
            "failureReasons": [
                {"contact": 2, "failureReason": "over limit"},
                {"contact": "1", "failureReason": "bad syntax"},
            ],
        },
        PayloadError, "import_contacts: bad_syntax", {"1": "over limit", "0": "bad syntax"}, None,
    ),
    (
        {"success": 0, "message": "You have exceeded the rate limit", "failureReasons": []},
        ThrottledError, "import_contacts: rate", None, 15.0,
    ),
    (
        {"success": 0, "message": "", "failureReasons": ["Too many requests per minute"]},
        ThrottledError, "import_contacts: rate", None, 15.0,
    ),
    ({"success": 0, "failureReasons": ["contacts is missing"]}, PayloadError, "import_contacts: refused", {}, None),
    ({"success": 0, "failureReasons": [{"contact": None}]}, PayloadError, "import_contacts: refused", {}, None),
    ({"success": 0, "failureReasons": "text"}, PayloadError, "import_contacts: refused", {}, None),
    (HTML, PayloadError, "import_contacts: refused", {}, None),
    (None, PayloadError, "import_contacts: refused", {}, None),
    ([], PayloadError, "import_contacts: refused", {}, None),
]  # fmt: skip


class TestAccountAnswers:
    @pytest.mark.parametrize(("operation", "is_write", "status", "body", "kind", "cause"), ACCOUNT)
    def test_each_documented_shape_has_its_class_and_cause(
        self, *, operation: str, is_write: bool, status: int, body: Any, kind: type[SyncError], cause: str
    ):
        """Operation, status and body together decide what is done about an answer."""
        error = error_of_account(answered(status, body), operation=operation, is_write=is_write)

        assert (type(error), error.cause) == (kind, cause)

    @pytest.mark.parametrize(("body", "kind", "cause", "rows", "wait"), IMPORTS)
    def test_a_refused_import_names_its_rows_from_nought(
        self, body: Any, kind: type[SyncError], cause: str, rows: dict[str, str] | None, wait: float | None
    ):
        """A 400 to an import is its rate, or names rows counted from one, or names none."""
        error = error_of_account(answered(400, body), operation="import_contacts", is_write=True)

        assert isinstance(error, kind)
        assert (error.cause, error.retry_after_seconds) == (cause, wait)
        assert getattr(error, "rows", None) == rows

    @pytest.mark.parametrize("status", [429, 503])
    def test_the_waiting_time_is_what_the_header_says(self, status: int):
        """Retry-After travels with the error, whatever the class."""
        error = error_of_account(answered(status, None, Retry_After="30"), operation="x", is_write=False)

        assert error.retry_after_seconds == 30

    def test_a_rejected_key_says_which_setting(self):
        """A 401 names the setting to look at."""
        error = error_of_account(answered(401), operation="users_me", is_write=False)

        assert "AC_API_TOKEN" in str(error)

    @pytest.mark.parametrize("body", [b"", HTML, b"null", b"[]"])
    def test_a_success_that_proves_nothing_is_unclear_for_a_write(self, body: bytes):
        """A 2xx without the documented body is unclear for a write and asked again for a read."""
        response = answered(200, body)

        assert type(unproven(response, operation="x", why="w", is_write=True)) is UnclearError
        assert type(unproven(response, operation="x", why="w", is_write=False)) is ServerError

    @pytest.mark.parametrize("status", range(500, 600))
    def test_no_5xx_of_a_write_is_safe_to_repeat(self, status: int):
        """Whatever fails behind the server may have taken effect."""
        assert type(error_of_account(answered(status), operation="x", is_write=True)) is UnclearError


class TestGraphqlAnswers:
    def test_validation_errors_name_their_orders(self):
        """Orders are named by keys that end in their store order id."""
        body = {
            "data": None,
            "errors": [
                {
                    "message": "Validation errors",
                    "extensions": {"0-storeOrderId-o-1": "currency is not valid", "classification": "x"},
                }
            ],
        }

        error = error_of_graphql(body, operation="bulk_upsert_orders", answer="a")

        assert type(error) is PayloadError
        assert error.rows == {"o-1": "currency is not valid"}
        assert error.cause == "bulk_upsert_orders: currency_is_not_valid"
        assert error.answer == "a"

    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            ("Validation error of type WrongType", PayloadError),
            ("Variable 'order' has an invalid value", PayloadError),
            ("Invalid Syntax : offending token does not match grammar", PayloadError),
            ("Cannot query field 'x'", PayloadError),
            ("Internal Server Error(s) while executing query", UnclearError),
            ("", UnclearError),
        ],
    )
    def test_only_what_was_never_executed_is_a_refusal(self, message: str, kind: type[SyncError]):
        """A failure while executing may have taken effect; one before it has not."""
        error = error_of_graphql({"errors": [{"message": message}]}, operation="upsert_order", answer="")

        assert type(error) is kind

    @pytest.mark.parametrize(
        "errors",
        ["text", {"a": "b"}, [], [None], ["text"], [{"message": None}], [{"message": "m", "extensions": []}]],
    )
    def test_errors_of_an_undocumented_shape_are_unclear(self, errors: Any):
        """What cannot be read proves nothing, and never raises."""
        error = error_of_graphql({"errors": errors}, operation="upsert_order", answer="")

        assert type(error) is UnclearError


#: operation, status, body → class, code in the cause.
SHOP = [
    ("query_orders", 400, shop_fault(400, "InvalidInput", "Malformed parameter: where"), ContractError, "InvalidInput"),
    ("query_orders", 400, shop_fault(400, "InvalidOperation"), ContractError, "InvalidOperation"),
    ("query_orders", 400, shop_fault(400, "InvalidField", field="x"), ContractError, "InvalidField"),
    ("query_orders", 400, shop_fault(400, "QueryComplexityLimitExceeded"), ContractError, "QueryComplexityLimitExceeded"),
    ("query_orders", 400, shop_fault(400, "QueryTimedOut", "The query timed out."), TooLargeError, "QueryTimedOut"),
    ("token", 400, {"error": "invalid_scope", "message": "Malformed parameter: scope: x"}, CredentialsError, "invalid_scope"),
    ("token", 400, shop_fault(400, "invalid_scope"), CredentialsError, "invalid_scope"),
    ("token", 400, shop_fault(400, "unauthorized_client"), CredentialsError, "unauthorized_client"),
    ("token", 401, shop_fault(401, "invalid_client") | {"error": "invalid_client"}, CredentialsError, "invalid_client"),
    ("token", 403, None, CredentialsError, "403"),
    ("query_orders", 401, shop_fault(401, "invalid_token"), CredentialsError, "invalid_token"),
    ("query_orders", 403, shop_fault(403, "insufficient_scope", "missing view_orders:x"), CredentialsError, "insufficient_scope"),
    ("read_customer", 404, shop_fault(404, "ResourceNotFound"), GoneError, "ResourceNotFound"),
    ("read_customer", 404, HTML, ServerError, "404"),
    ("read_customer", 404, None, ServerError, "404"),
    ("query_orders", 409, shop_fault(409, "ConcurrentModification", currentVersion=5), ContractError, "ConcurrentModification"),
    ("query_orders", 413, shop_fault(413, "ContentTooLarge"), TooLargeError, "ContentTooLarge"),
    ("query_orders", 413, HTML, TooLargeError, "413"),
    ("query_orders", 429, shop_fault(429, "TooManyRequests"), ThrottledError, "TooManyRequests"),
    ("query_orders", 429, None, ThrottledError, "429"),
    ("query_orders", 500, shop_fault(500, "General"), ServerError, "General"),
    ("query_orders", 502, shop_fault(502, "BadGateway"), ServerError, "BadGateway"),
    ("query_orders", 502, HTML, ServerError, "502"),
    ("query_orders", 503, shop_fault(503, "OverCapacity"), ThrottledError, "OverCapacity"),
    ("query_orders", 503, shop_fault(503, "PendingOperation"), ThrottledError, "PendingOperation"),
    ("query_orders", 503, HTML, ThrottledError, "503"),
    ("query_orders", 504, None, ServerError, "504"),
    ("query_orders", 408, None, ServerError, "408"),
    ("query_orders", 302, HTML, ServerError, "302"),
    ("query_orders", 400, [1], ContractError, "400"),
    ("query_orders", 400, {"errors": "text"}, ContractError, "400"),
    ("query_orders", 400, {"errors": {"code": "x"}}, ContractError, "400"),
    ("query_orders", 400, {"errors": [None]}, ContractError, "400"),
]  # fmt: skip


class TestShopAnswers:
    @pytest.mark.parametrize(("operation", "status", "body", "kind", "code"), SHOP)
    def test_each_documented_error_has_its_class_and_cause(
        self, operation: str, status: int, body: Any, kind: type[SyncError], code: str
    ):
        """Status and code together decide what is done about an answer."""
        error = error_of_shop(answered(status, body), operation=operation)

        assert (type(error), error.cause) == (kind, f"Commercetools {operation}: {code}")

    def test_a_missing_scope_is_named(self):
        """A 403 says which scope, as the vendor's own text does."""
        body = shop_fault(403, "insufficient_scope", "One of these scopes is missing: view_orders:shop.")

        assert "view_orders:shop" in str(error_of_shop(answered(403, body), operation="query_orders"))

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(("header", "wait"), [("7", 7.0), ("0", 0.0), ("soon", None), ("", None)])
    def test_retry_after_is_honoured_where_it_is_there(self, status: int, header: str, wait: float | None):
        """The waiting time is the header's, and none where it says nothing."""
        error = error_of_shop(answered(status, None, Retry_After=header), operation="query_orders")

        assert error.retry_after_seconds == wait

    def test_the_correlation_id_is_told(self):
        """Support asks for the correlation id, so every failure names it."""
        error = error_of_shop(answered(500, HTML, X_Correlation_ID="shop/1"), operation="query_orders")

        assert "shop/1" in str(error)

    @pytest.mark.parametrize("operation", ["project", "query_orders"])
    def test_an_unknown_project_points_at_the_settings(self, operation: str):
        """A 404 of what must exist says which settings to look at."""
        error = error_of_shop(answered(404, {"message": "not found"}), operation=operation)

        assert "CTP_PROJECT_KEY" in str(error)


class TestHeaders:
    def test_a_date_counts_from_now(self):
        """Retry-After as a date is as many seconds as are left, at most an hour."""
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
        later = format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)
        past = format_datetime(datetime.now(UTC) - timedelta(days=2), usegmt=True)

        assert 40 < (retry_after_seconds({"Retry-After": soon}) or 0) <= 50
        assert retry_after_seconds({"Retry-After": later}) == 3600
        assert retry_after_seconds({"Retry-After": past}) == 0

    @given(st.text(max_size=30))
    def test_nonsense_is_no_waiting_time(self, text: str):
        """Whatever a header says, a finite waiting time comes of it, or none."""
        wait = retry_after_seconds({"Retry-After": text})

        assert wait is None or 0 <= wait <= 3600

    @given(st.text(max_size=30))
    def test_a_date_is_aware_or_none(self, text: str):
        """A text that is no HTTP date is none, and never raises."""
        moment = http_date(text)

        assert moment is None or moment.tzinfo is not None

    @pytest.mark.parametrize(
        ("text", "number"), [("5", 5), (" 5 ", 5), (None, None), ("", None), ("-1", None), ("x", None)]
    )
    def test_a_whole_number_or_none(self, text: str | None, number: int | None):
        """Only digits are a number."""
        assert whole_number(text) == number


WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_+", min_size=1, max_size=12).filter(
    lambda w: w.strip(".")
)
ADDRESSES = st.builds(lambda local, host: f"x{local}@y{host}.example", WORDS, WORDS)
AROUND = st.text(" abc<>\"'(),:;[]{}\n", max_size=12)
PHONES = st.from_regex(r"\+49 [1-9][0-9]{1,3} [0-9]{5,8}", fullmatch=True)


def told(error: SyncError) -> str:
    """Return everything an error lets out."""
    rows = error.rows if isinstance(error, RejectedError) else {}
    return " ".join((str(error), error.cause, error.answer or "", *rows.values()))


class TestPrivacy:
    @given(AROUND, ADDRESSES, AROUND)
    def test_no_address_survives_redaction(self, before: str, address: str, after: str):
        """Wherever an address stands, it is not in the redacted text, and redacting twice changes nothing."""
        clean = redact(f"{before} {address} {after}")

        assert address not in clean
        assert redact(clean) == clean

    @given(PHONES)
    def test_no_telephone_number_survives_redaction(self, phone: str):
        """Long digits are taken for a telephone number."""
        assert redact(f"call {phone} now") == "call [digits] now"

    @given(
        address=ADDRESSES,
        status=st.sampled_from([400, 401, 403, 404, 409, 422, 429, 500, 502]),
        is_write=st.booleans(),
    )
    def test_no_address_in_errors_of_the_account(self, *, address: str, status: int, is_write: bool):
        """Message, cause, excerpt and rows hold no address, wherever the vendor put it."""
        bodies = [
            account_fault(title=f"{address} is taken", detail=address, code="duplicate"),
            account_fault(title="a title", code=address),
            {"message": f"No result for {address}"},
            {"errors": address},
            {"failureReasons": [{"contact": 1, "failureReason": f"{address} is bad"}], "message": address},
            f"<html>{address}</html>".encode(),
        ]

        for body in bodies:
            for operation in ("import_contacts", "sync_contact"):
                error = error_of_account(answered(status, body), operation=operation, is_write=is_write)
                assert address not in told(error)

    @given(ADDRESSES)
    def test_no_address_in_errors_of_graphql(self, address: str):
        """Message, cause and rows of a GraphQL failure hold no address."""
        extensions = {"0-storeOrderId-1": f"{address} is bad"}
        for message in (f"Validation {address}", f"Failed {address}"):
            body = {"errors": [{"message": message, "extensions": extensions}]}
            assert address not in told(error_of_graphql(body, operation="x", answer=""))
            body = {"errors": [{"message": message}]}
            assert address not in told(error_of_graphql(body, operation="x", answer=""))

    @given(ADDRESSES, st.sampled_from([400, 401, 403, 404, 409, 413, 429, 500, 502, 503]))
    def test_no_address_in_errors_of_the_shop(self, address: str, status: int):
        """Message and cause hold no address, wherever the vendor put it."""
        bodies = [
            shop_fault(status, "InvalidInput", f"email = {address}"),
            shop_fault(status, address, f"email = {address}"),
            {"error": address, "message": address},
            f"<html>{address}</html>".encode(),
        ]

        for body in bodies:
            response = answered(status, body, X_Correlation_ID=f"shop/{address}")
            assert address not in told(error_of_shop(response, operation="query_customers"))
