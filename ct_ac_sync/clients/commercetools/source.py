"""The source: sweeps by id over what changed, and single records."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

from ct_ac_sync.clients.commercetools.auth import Token, is_fresh, token_from
from ct_ac_sync.clients.commercetools.classify import error_of
from ct_ac_sync.clients.commercetools.inspect import list_resources
from ct_ac_sync.clients.commercetools.references import (
    IDS_A_QUERY,
    PARAMETERS,
    PATHS,
    field_of,
    kept,
    may_exist,
    pages,
)
from ct_ac_sync.clients.headers import http_date
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
from ct_ac_sync.ports import Json, Page, Readable, Stream, Sweep, Unreadable
from ct_ac_sync.redaction import hide
from ct_ac_sync.schemas.commercetools.parse import parse_record

#: Smaller and smaller pages for queries that time out (vendor: QueryTimedOut, 413).
STEPS = (500, 200, 50, 10)


#: References whose resources come along with a record: no call of their own, and never older.
EXPANDED: Mapping[Stream, tuple[str, ...]] = {
    Stream.ORDERS: ("paymentInfo.payments[*]", "discountCodes[*].discountCode", "state"),
}


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
        timeout_seconds: float = 30.0,
        note: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._project = project
        self._api = Transport(api_url, headers={}, vendor="Commercetools")
        self._auth = Transport(auth_url, headers={}, vendor="Commercetools")
        self._client = (client_id, client_secret)
        self._scopes = scopes
        self._timeout = timeout_seconds
        self._note = note
        self._token: Token | None = None
        self._lock = threading.Lock()

    # -- the port ---------------------------------------------------------------------

    def check(self) -> Json:
        """
        Return facts about the project, as far as the API client may see them.

        What it must be able to do, to read every stream, is tried; a scope that is
        lacking is named by the error.
        """
        for stream in Stream:
            self._get(f"/{stream}", {"limit": "1", "withTotal": "false"}, operation=f"query_{stream}")
        try:
            body, _ = self._get("", {}, operation="project")
        except CredentialsError:
            # Facts only; they need view_project_settings, which a sweep does not.
            return {"key": self._project}
        names = ("key", "name", "languages", "currencies", "countries", "messages")
        return {name: body.get(name) for name in names}

    def fetch_page(self, stream: Stream, sweep: Sweep) -> Page:
        """Return the next page; asked again smaller where the server cannot answer."""
        smaller = [step for step in STEPS if step < sweep.limit]
        for limit in (sweep.limit, *smaller):
            try:
                params = _query(sweep, limit) | expansions(stream)
                body, response = self._get(f"/{stream}", params, operation=f"query_{stream}")
            except TooLargeError:
                if limit == (sweep.limit, *smaller)[-1]:
                    raise
                continue
            return _page(stream, body, response, limit)
        raise AssertionError("the loop returns or raises")

    def fetch_records(self, stream: Stream, ids: Sequence[str]) -> tuple[Readable | Unreadable, ...]:
        """Return the records that exist: by query, then singly, because queries lag."""
        found: dict[str, Readable | Unreadable] = {}
        for start in range(0, len(ids), IDS_A_QUERY):
            part = ids[start : start + IDS_A_QUERY]
            params: dict[str, Any] = {"where": "id in :ids", "var.ids": list(part), "limit": 500}
            params |= {"withTotal": "false"} | expansions(stream)
            body, _ = self._get(f"/{stream}", params, operation=f"query_{stream}")
            for each in body.get("results") or []:
                found[str(each.get("id"))] = parse_record(stream, each)
        for id_ in ids:
            if id_ not in found and (single := self._single(stream, id_)) is not None:
                found[id_] = single
        return tuple(found.values())

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

    def _single(self, stream: Stream, id_: str) -> Readable | Unreadable | None:
        try:
            body, _ = self._get(f"/{stream}/{id_}", expansions(stream), operation=f"read_{stream}")
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
        rows = [each for each in _results(body, operation) if isinstance(each, dict)]
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
        response = self._send(path, params, operation=operation)
        if response.status == 401:
            self._drop_token()
            response = self._send(path, params, operation=operation)
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
        return body, response

    def _send(self, path: str, params: Mapping[str, Any], *, operation: str) -> Response:
        headers = {
            "Authorization": f"Bearer {self._bearer()}",
            "X-Correlation-ID": f"ct-ac-sync-{uuid.uuid4()}",
        }
        return self._ask(
            self._api, "GET", f"/{self._project}{path}", params=params, headers=headers, operation=operation
        )

    def _ask(self, side: Transport, method: str, path: str, *, operation: str, **parts: Any) -> Response:
        try:
            response = side.request(
                method, path, operation=operation, deadline_seconds=self._timeout, **parts
            )
        except UnclearError as error:
            # A read has no effect, so whatever became of it, it may be asked again.
            self._note(operation, "unanswered")
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


def expansions(stream: Stream) -> dict[str, Any]:
    """Return what the records of *stream* are asked for along with: what their figures need."""
    return {"expand": list(EXPANDED[stream])} if stream in EXPANDED else {}


def _query(sweep: Sweep, limit: int) -> dict[str, Any]:
    where, params = [], {}
    if sweep.modified_since is not None:
        where.append("lastModifiedAt >= :since")
        moment = sweep.modified_since.astimezone(UTC)
        params["var.since"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if sweep.after is not None:
        where.append("id > :after")
        params["var.after"] = sweep.after
    if where:
        params["where"] = " and ".join(where)
    return params | {"sort": "id asc", "limit": str(limit), "withTotal": "false"}


def _page(stream: Stream, body: Any, response: Response, limit: int) -> Page:
    results = _results(body, f"query_{stream}")
    parsed = [parse_record(stream, each) for each in results]
    answered_at = http_date(response.headers.get("Date", ""))
    if answered_at is None:
        raise ContractError(f"Commercetools query_{stream}: no Date header", cause="no Date header")
    last = results[-1] if results else {}
    return Page(
        records=tuple(each for each in parsed if isinstance(each, Readable)),
        unreadable=tuple(each for each in parsed if isinstance(each, Unreadable)),
        answered_at=answered_at,
        is_last=len(results) < limit,
        last_id=str(last["id"]) if isinstance(last, dict) and "id" in last else None,
    )


def _results(body: Any, operation: str) -> list[Any]:
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list):
        raise ContractError(f"Commercetools {operation}: no results in the answer", cause="no results")
    return results
