"""The source: sweeps by id over what changed, and single records."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ct_ac_sync.clients.commercetools.auth import Token, is_fresh, token_from
from ct_ac_sync.clients.commercetools.classify import error_of, error_of_write, is_switched_off
from ct_ac_sync.clients.commercetools.inspect import list_resources
from ct_ac_sync.clients.commercetools.queries import (
    Answered,
    expansions,
    ids_of,
    limits,
    of_messages,
    of_sweep,
    page_of,
    path_of,
    results_of,
)
from ct_ac_sync.clients.commercetools.references import (
    IDS_A_QUERY,
    PARAMETERS,
    PATHS,
    field_of,
    kept,
    may_exist,
    pages,
)
from ct_ac_sync.clients.transport import Response, Transport
from ct_ac_sync.errors import (
    ContractError,
    CredentialsError,
    GoneError,
    NetworkError,
    ServerError,
    TooLargeError,
    UnclearError,
)
from ct_ac_sync.ports import (
    Call,
    CallKind,
    CustomerUpdated,
    Json,
    Page,
    Readable,
    Stream,
    Sweep,
    Unreadable,
)
from ct_ac_sync.redaction import hide
from ct_ac_sync.schemas.commercetools.parse import parse_record

#: For whom we write, as a record then says beside our client's id (vendor documentation, Client Logging).
WRITER = "ct-ac-sync"
#: Rows of a page that no sweep asks for: as many as Commercetools allows.
MOST = 500


class CommercetoolsSource:
    """Reads one project."""

    def __init__(
        self,
        *,
        project: str,
        api_url: str,
        auth_url: str,
        client_id: str,
        client_secret: str,
        scopes: str = "",
        containers: Sequence[str] = (),
        timeout_seconds: float = 30.0,
        note: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """*containers* are those of custom objects that are read."""
        self._project = project
        self._containers = tuple(containers)
        self._api = Transport(api_url, headers={}, vendor="Commercetools")
        self._auth = Transport(auth_url, headers={}, vendor="Commercetools")
        self._client = (client_id, client_secret)
        self._scopes = scopes
        self._timeout = timeout_seconds
        self._note = note
        self._token: Token | None = None
        self._lock = threading.Lock()

    # -- the port ---------------------------------------------------------------------

    def check(self, streams: Iterable[Stream] = tuple(Stream)) -> Json:
        """
        Return facts about the project, as far as the API client may see them.

        What it must be able to do, to read *streams*, is tried; a scope that is
        lacking is named by the error.  That the project keeps no messages is no fault.
        """
        empty: list[str] = []
        for stream in streams:
            for container in self._within(stream):
                body, _ = self._asked(stream, {"limit": "1", "withTotal": "false"}, container)
                empty += [container] if container and not results_of(body, f"query_{stream}") else []
        told = self._told()
        names = ("key", "name", "languages", "currencies", "countries", "messages")
        facts = {name: told.get(name) for name in names} if told else {"key": self._project}
        return facts | ({"empty_containers": empty} if empty else {})

    @property
    def client_id(self) -> str:
        """The id of our API client, which what we write names as its writer."""
        return self._client[0]

    def granted(self) -> frozenset[str]:
        """Return the scopes that our API client was granted; none where the answer tells none."""
        self._bearer()
        return frozenset(self._token.scope.split() if self._token else ())

    def read_customer(self, id_: str) -> Readable | Unreadable | None:
        """Return a customer as it is now, asked for by its id; None of one that does not exist."""
        return self._single(Stream.CUSTOMERS, id_)

    def prepare_update(self, customer: str, version: int, actions: Sequence[Json]) -> Call:
        """Return the update of a customer, which takes effect only upon this version of it."""
        body = {"version": version, "actions": [dict(each) for each in actions]}
        return Call(kind=CallKind.WRITE_BACK, method="POST", path=f"/customers/{customer}", body=body)

    def update(self, call: Call, *, deadline: timedelta) -> CustomerUpdated:
        """
        Send an update and return what it made.

        Raises:
            ConflictError: The customer is of another version by now; nothing took effect.
            UnclearError: It may have taken effect: no answer, or one that proves nothing.
        """
        operation = "update_customers"
        response = self._authorized(
            call.path, {}, operation=operation, method=call.method, json=call.body,
            deadline_seconds=min(deadline.total_seconds(), self._timeout),
        )  # fmt: skip
        if response.status != 200:
            raise error_of_write(response, operation=operation)
        try:
            body = response.json()
            is_it, version = body["id"] == call.path.rpartition("/")[2], int(body["version"])
        except (ValueError, KeyError, TypeError):
            is_it, version = False, 0
        if not is_it:
            raise UnclearError(
                f"Commercetools {operation}: 200 that does not show the customer",
                cause=f"Commercetools {operation}: another answer", answer=response.excerpt,
            )  # fmt: skip
        return CustomerUpdated(version)

    def fetch_page(self, stream: Stream, sweep: Sweep) -> Page:
        """
        Return the next page; asked again smaller where the server cannot answer.

        Of messages that the project does not keep it is the last one, and empty.
        """
        params = of_sweep(sweep) | expansions(stream)
        return page_of(stream, self._queried(stream, params, most=sweep.limit, container=sweep.container))

    def fetch_records(self, stream: Stream, ids: Sequence[str]) -> tuple[Readable | Unreadable, ...]:
        """
        Return the records that exist: by query, then singly, because queries lag.

        Custom objects cannot be asked for singly by their ids: those that a query shows are returned.
        """
        found: dict[str, Readable | Unreadable] = {}
        for start in range(0, len(ids), IDS_A_QUERY):
            part = ids[start : start + IDS_A_QUERY]
            params = {"where": "id in :ids", "var.ids": list(part), "withTotal": "false"}
            for container in self._within(stream):
                asked = params | expansions(stream)
                rows = self._queried(stream, asked, most=MOST, container=container).rows
                found |= {str(row["id"]): parse_record(stream, row) for row in rows if _has_id(row)}
        for id_ in ids if stream is not Stream.CUSTOM_OBJECTS else ():
            if id_ not in found and (single := self._single(stream, id_)) is not None:
                found[id_] = single
        return tuple(found.values())

    def fetch_messages(
        self, resource_kind: str, resource_id: str, *, above: int
    ) -> tuple[Readable | Unreadable, ...]:
        """
        Return the messages of one resource whose sequence is greater than *above*, as far as a query shows them.

        They come in the order of their ids, which is not that of their sequence.

        Raises:
            ContractError: A page does not move on, or a message has no id to move on from.
        """
        found: list[Readable | Unreadable] = []
        after: str | None = None
        while True:
            params = of_messages(resource_kind, resource_id, above=above, after=after)
            answered = self._queried(Stream.MESSAGES, params, most=MOST)
            found += (parse_record(Stream.MESSAGES, row) for row in answered.rows)
            if answered.is_last:
                return tuple(found)
            last = ids_of(answered.rows, "query_messages")[-1]
            if last == after:
                raise ContractError(
                    f"a page of messages does not move on from {after}", cause="page does not move on"
                )
            after = last

    def page_ids(self, stream: Stream, after: str | None) -> tuple[str, ...]:
        """
        Return up to 500 ids of *stream* that follow *after* in the source's own order.

        Fewer are no end, since the server may have been asked for less: an empty answer alone is.
        """
        params = of_sweep(Sweep(modified_since=None, after=after))
        return ids_of(self._queried(stream, params, most=MOST).rows, f"query_{stream}")

    def is_gone(self, stream: Stream, id_: str) -> bool:
        """
        Whether the record does not exist any more: asked for by its id, since queries lag.

        Raises:
            ServerError: The answer proves nothing, as the 404 of some gateway does not.
        """
        operation = f"read_{stream}"
        try:
            body, _ = self._get(f"{path_of(stream)}/{id_}", {}, operation=operation)
        except GoneError:
            return True
        if body.get("id") != id_:
            raise ContractError(
                f"Commercetools {operation}: another record than asked for", cause="another answer"
            )
        return False

    def fetch_references(self, kind: str, ids: Sequence[str]) -> Mapping[str, Json]:
        """Return those of *ids* that exist: by query, then singly, because queries lag."""
        if kind not in PATHS:
            return {}
        wanted = [id_ for id_ in dict.fromkeys(ids) if may_exist(id_)]
        found: dict[str, Json] = {}
        for field, page in pages(kind, wanted):
            found |= self._shown_references(kind, field, page)
        for id_ in wanted:
            if id_ not in found and (single := self._single_reference(kind, id_)) is not None:
                found[id_] = single
        return found

    def list_resources(self, kind: str, *, most: int | None = None) -> tuple[Json, ...]:
        """Return all resources of a kind, or the first *most* of them."""
        return list_resources(self._body, kind, most=most)

    def parse(self, stream: Stream, body: Json) -> Readable | Unreadable:
        """Return what a stored body says."""
        return parse_record(stream, body)

    # -- requests ---------------------------------------------------------------------

    def _within(self, stream: Stream) -> tuple[str, ...]:
        """Return the parts in which *stream* is asked for: custom objects by container, all else as a whole."""
        return self._containers if stream is Stream.CUSTOM_OBJECTS else ("",)

    def _queried(
        self, stream: Stream, params: Mapping[str, Any], *, most: int, container: str = ""
    ) -> Answered:
        """Return an answer of up to *most* rows; asked again smaller where the server cannot answer."""
        *sizes, least = limits(most)
        for limit in sizes:
            try:
                return self._rows(stream, params, limit, container)
            except TooLargeError:
                continue
        return self._rows(stream, params, least, container)

    def _rows(self, stream: Stream, params: Mapping[str, Any], limit: int, container: str) -> Answered:
        body, response = self._asked(stream, {**params, "limit": str(limit)}, container)
        rows = results_of(body, f"query_{stream}")
        return Answered(rows, response, len(rows) < limit)

    def _asked(self, stream: Stream, params: Mapping[str, Any], container: str = "") -> tuple[Any, Response]:
        """Return the answer to a query; of messages that the project does not keep, one without results."""
        operation = f"query_{stream}"
        response = self._authorized(path_of(stream, container), params, operation=operation)
        if stream is Stream.MESSAGES and is_switched_off(response) and not self._has_messages():
            return {"results": []}, response
        return _object(response, operation=operation), response

    def _has_messages(self) -> bool:
        """Whether the project says that it keeps messages; who may not ask it takes the refusal's word."""
        messages = self._told().get("messages")
        return isinstance(messages, Mapping) and messages.get("enabled") is True

    def _told(self) -> Json:
        """Return what the project says of itself; nothing to whom lacks view_project_settings, as a sweep may."""
        try:
            return dict(self._get("", {}, operation="project")[0])
        except CredentialsError:
            return {}

    def _single(self, stream: Stream, id_: str) -> Readable | Unreadable | None:
        try:
            body, _ = self._get(f"{path_of(stream)}/{id_}", expansions(stream), operation=f"read_{stream}")
        except GoneError:
            return None
        return parse_record(stream, body)

    def _shown_references(self, kind: str, field: str, ids: Sequence[str]) -> dict[str, Json]:
        """Return what a query shows; asked again in halves where the server cannot answer."""
        params = {
            "where": f"{field} in :ids",
            "var.ids": list(ids),
            "limit": str(len(ids)),
            "withTotal": "false",
        }
        path = PATHS[kind]
        operation = f"query_{path}".replace("-", "_")
        try:
            body, _ = self._get(f"/{path}", {**params, **PARAMETERS.get(kind, {})}, operation=operation)
        except TooLargeError:
            if len(ids) == 1:
                raise
            middle = len(ids) // 2
            parts = (ids[:middle], ids[middle:])
            return {
                id_: each for part in parts for id_, each in self._shown_references(kind, field, part).items()
            }
        rows = [each for each in results_of(body, operation) if isinstance(each, dict)]
        return {str(each.get(field)): kept(kind, each) for each in rows if each.get(field) in ids}

    def _single_reference(self, kind: str, id_: str) -> Json | None:
        path, field = PATHS[kind], field_of(kind, id_)
        name, operation = id_ if field == "id" else f"key={id_}", f"read_{path}".replace("-", "_")
        try:
            body, _ = self._get(f"/{path}/{name}", PARAMETERS.get(kind, {}), operation=operation)
        except GoneError:
            return None
        if body.get(field) != id_:
            raise ContractError(
                f"Commercetools {operation}: another {kind} than asked for", cause="another answer"
            )
        return kept(kind, body)

    def _body(self, path: str, params: Json, operation: str) -> Any:
        return self._get(path, params, operation=operation)[0]

    def _get(self, path: str, params: Mapping[str, Any], *, operation: str) -> tuple[Any, Response]:
        response = self._authorized(path, params, operation=operation)
        return _object(response, operation=operation), response

    def _authorized(self, path: str, params: Mapping[str, Any], *, operation: str, **parts: Any) -> Response:
        """Return an answer, asked for once more with a new token where the old one is not known any more."""
        response = self._send(path, params, operation=operation, **parts)
        if response.status == 401:
            self._drop_token()
            response = self._send(path, params, operation=operation, **parts)
        return response

    def _send(
        self, path: str, params: Mapping[str, Any], *, operation: str, method: str = "GET", **parts: Any
    ) -> Response:
        headers = {
            "Authorization": f"Bearer {self._bearer()}",
            "X-Correlation-ID": f"ct-ac-sync-{uuid.uuid4()}",
        }
        if method != "GET":
            headers["X-External-User-ID"] = WRITER
        return self._ask(
            self._api, method, f"/{self._project}{path}", params=params, headers=headers,
            operation=operation, **parts,
        )  # fmt: skip

    def _ask(self, side: Transport, method: str, path: str, *, operation: str, **parts: Any) -> Response:
        deadline = {"deadline_seconds": self._timeout}
        try:
            response = side.request(method, path, operation=operation, **deadline | parts)
        except UnclearError as error:
            self._note(operation, "unanswered")
            if operation.startswith("update_"):
                raise
            # A read has no effect, so whatever became of it, it may be asked again.
            raise ServerError(str(error), cause=error.cause) from error
        except NetworkError:
            self._note(operation, "unreachable")
            raise
        self._note(operation, str(response.status))
        return response

    def _bearer(self) -> str:
        with self._lock:
            if not is_fresh(self._token, now=time.monotonic()):
                self._token = self._fetch_token()
            if self._token is None:
                raise AssertionError("a token was fetched")
            return self._token.value

    def _drop_token(self) -> None:
        with self._lock:
            self._token = None

    def _fetch_token(self) -> Token:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scopes} if self._scopes else {})
        response = self._ask(
            self._auth, "POST", "/oauth/token", data=form, auth=self._client, operation="token"
        )
        if response.status != 200:
            raise error_of(response, operation="token")
        try:
            token = token_from(response.json(), now=time.monotonic())
        except (ValueError, KeyError, AttributeError) as error:
            raise CredentialsError(
                "Commercetools token: the answer holds no token; check CTP_AUTH_URL",
                cause="Commercetools token: unreadable",
            ) from error
        hide(token.value)
        return token


def _object(response: Response, *, operation: str) -> Any:
    """Return the JSON object that an answer holds."""
    if response.status != 200:
        raise error_of(response, operation=operation)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ServerError(
            f"Commercetools {operation}: 200 without a JSON object",
            cause=f"Commercetools {operation}: no JSON",
        )
    return body


def _has_id(row: Any) -> bool:
    return isinstance(row, dict) and "id" in row
