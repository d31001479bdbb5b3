"""``python -m ct_ac_sync.sandbox.commercetools``: the look-alike as a process."""

import argparse
import base64
import binascii
import re
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from ct_ac_sync.sandbox.commercetools.actions import changes_of
from ct_ac_sync.sandbox.commercetools.catalogue import LOCALES
from ct_ac_sync.sandbox.commercetools.custom import ActionError
from ct_ac_sync.sandbox.commercetools.doors import open_doors
from ct_ac_sync.sandbox.commercetools.expand import expanded
from ct_ac_sync.sandbox.commercetools.kinds import KINDS, OBJECT, SCOPES, SHELVES, Kind
from ct_ac_sync.sandbox.commercetools.predicate import PredicateError, compile_predicate
from ct_ac_sync.sandbox.commercetools.project import SWITCHES, Project, Resource
from ct_ac_sync.sandbox.commercetools.projection import projection_of
from ct_ac_sync.sandbox.commercetools.shop import Shop
from ct_ac_sync.sandbox.service import Reply, Request, Service, serve

#: What containers and keys of custom objects may have (vendor documentation, CustomObject).
OBJECT_NAME = re.compile(r"[-_~.a-zA-Z0-9]{1,256}")
AFTER = re.compile(r'\bid\s*>\s*(?::(\w+)|"([^"]+)")')


def fault(status: int, code: str, message: str, **more: Any) -> Reply:
    """Return an error in the vendor's envelope."""
    row = {"code": code, "message": message, **more}
    return Reply(status, {"statusCode": status, "message": message, "errors": [row]})


class Commercetools(Service):
    """A project with its tokens, its queries and its shop."""

    def __init__(self, *, profile: str, project: str, seed: int, client: tuple[str, str]) -> None:
        super().__init__("commercetools", SWITCHES, profile=profile)
        self.project = Project(self, project, seed=seed)
        self.shop = Shop(self.project)
        self._client = client
        self._tokens: dict[str, tuple[float, str]] = {}
        self._scopes: dict[str, set[str]] = {}
        key = re.escape(project)
        self.route("POST", "/oauth/token", "token", self._token)
        self.route("GET", f"/{key}", "project", self._project)
        self._scopes["project"] = {"view_project_settings"}
        for kind in KINDS.values():
            if kind.name == OBJECT:
                self._add_object_routes(f"/{key}/{kind.path}", kind)
            else:
                self._add_routes(f"/{key}/{kind.path}", kind)
        open_doors(self, self.project, self.shop, seed=seed)

    def _add_routes(self, path: str, kind: Kind) -> None:
        calls = [("GET", "", kind.query, self._query)]
        names = ("/key=([^/]+)", "/order-number=([^/]+)", "/([^/=]+)")
        written = [("POST", "update", self._update), ("DELETE", "delete", self._delete)]
        if kind.is_written:
            calls.append(("POST", "", kind.operation("create"), self._create))
        for method, verb, act in [("GET", "read", self._read), *(written if kind.is_written else ())]:
            calls += [(method, name, kind.operation(verb), act) for name in names]
        self._open(path, kind, calls)

    def _add_object_routes(self, path: str, kind: Kind) -> None:
        """Add the calls for custom objects, which are known by container and key."""
        one = "/([^/]+)/([^/]+)"
        calls = [
            ("GET", "", kind.query, self._query),
            ("GET", "/([^/]+)", kind.query, self._query),
            ("GET", one, kind.operation("read"), self._read_object),
            ("POST", "", kind.operation("write"), self._write_object),
            ("DELETE", one, kind.operation("delete"), self._delete_object),
        ]
        self._open(path, kind, calls)

    def _open(
        self, path: str, kind: Kind, calls: Sequence[tuple[str, str, str, Callable[[Kind, Request], Reply]]]
    ) -> None:
        for method, name, operation, act in calls:
            self.route(method, path + name, operation, partial(act, kind))
            verbs = ("view", "manage") if method == "GET" else ("manage",)
            self._scopes[operation] = {scope for scope in kind.scopes if scope.startswith(verbs)}

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer carries."""
        moment = self.project.now().replace(microsecond=0)
        return {
            "Date": format_datetime(moment, usegmt=True),
            "X-Correlation-ID": f"{self.project.key}/{uuid.uuid4()}",
        }

    def state(self) -> dict[str, Any]:
        """Return all resources as they are; messages have a door of their own."""
        shelves = self.project.shelves
        return {SHELVES[k].path: list(s.by_id.values()) for k, s in shelves.items() if k != "message"} | {
            "deleted": self.project.deleted
        }

    # -- tokens -----------------------------------------------------------------------

    def guard(self, request: Request, operation: str) -> Reply | None:
        """Refuse a call without a token that is still good."""
        if operation == "token":
            return None
        until, granted = self._token_of(request)
        if until <= time.monotonic():
            return _unauthorized("invalid_token")
        scopes = self._scopes.get(operation, set())
        if request.first("staged") == "true":
            scopes = scopes - {"view_published_products"}
        if not scopes or self._is_granted(scopes, granted):
            return None
        wanted = {f"{name}:{self.project.key}" for name in scopes | {"manage_project"}}
        names = ", ".join(sorted(wanted))
        return fault(
            403, "insufficient_scope", f"Insufficient scope. One of the following scopes is missing: {names}."
        )

    def _token_of(self, request: Request) -> tuple[float, set[str]]:
        """Return until when a call's token is good, and what it grants."""
        header = {k.lower(): v for k, v in request.headers.items()}.get("authorization", "")
        until, scope = self._tokens.get(header.removeprefix("Bearer "), (0.0, ""))
        return until, set(scope.split())

    def _is_granted(self, scopes: Collection[str], granted: set[str]) -> bool:
        return any(f"{name}:{self.project.key}" in granted for name in (*scopes, "manage_project"))

    def _token(self, request: Request) -> Reply:
        header = {k.lower(): v for k, v in request.headers.items()}.get("authorization", "")
        try:
            given = base64.b64decode(header.removeprefix("Basic ")).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        if given != ":".join(self._client):
            return _unauthorized("invalid_client")
        form = dict(parse_qsl(request.raw.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return fault(
                400, "unsupported_grant_type", f"Grant type '{form.get('grant_type')}' is not supported."
            )
        asked = form.get("scope", "").split()
        every = [f"{scope}:{self.project.key}" for scope in SCOPES]
        if unknown := [scope for scope in asked if scope not in every]:
            return fault(400, "invalid_scope", f"Malformed parameter: scope: {' '.join(unknown)}")
        token, seconds = uuid.uuid4().hex, int(self.switches["token_seconds"])
        scope = " ".join(asked or every)
        self._tokens[token] = (time.monotonic() + seconds, scope)
        return Reply(
            200, {"access_token": token, "expires_in": seconds, "scope": scope, "token_type": "Bearer"}
        )

    def _project(self, request: Request) -> Reply:
        del request
        return Reply(
            200,
            {
                "key": self.project.key, "name": "Demo shop", "countries": ["DE", "CH", "GB", "JP"],
                "currencies": ["EUR", "CHF", "JPY"], "languages": list(LOCALES), "version": 1,
                "createdAt": "2024-01-01T00:00:00.000Z", "trialUntil": "2030-01",
                "messages": self.project.messages.configuration,
                "carts": {"deleteDaysAfterLastModification": 90},
                "shoppingLists": {"deleteDaysAfterLastModification": 360},
            },
        )  # fmt: skip

    # -- reading ----------------------------------------------------------------------

    def _query(self, kind: Kind, request: Request) -> Reply:
        if kind.name == "message" and not self.project.messages.is_on:
            return self._without_messages()
        try:
            limit = _number(request, "limit", default=20, most=500)
            offset = _number(request, "offset", default=0, most=10_000)
        except PredicateError as error:
            return fault(400, "InvalidInput", str(error))
        if 0 < int(self.switches["timeout_over_limit"]) < limit:
            return fault(400, "QueryTimedOut", "The query timed out. Please simplify it or ask for less.")
        if 0 < int(self.switches["too_large_over_limit"]) < limit:
            return fault(413, "ContentTooLarge", "The content is too large.")
        try:
            found = self._matching(kind, request)
        except PredicateError as error:
            return fault(400, "InvalidInput", str(error))
        page = [self._expanded(row, request) for row in found[offset : offset + limit]]
        body: dict[str, Any] = {"limit": limit, "offset": offset, "count": len(page), "results": page}
        if request.first("withTotal") != "false":
            body["total"] = len(found)
        return Reply(200, body)

    def _without_messages(self) -> Reply:
        """Answer a query for messages while they are off, which the vendor's documents leave open."""
        if self.switches["messages_off_query"] == "refused":
            return fault(400, "InvalidOperation", "The Messages Query feature is not enabled.")
        return Reply(200, {"limit": 20, "offset": 0, "count": 0, "results": []})

    def _matching(self, kind: Kind, request: Request) -> list[Resource]:
        project, variables = self.project, {}
        for name, values in request.query.items():
            if name.startswith("var."):
                variables[name[4:]] = values
        checks, after = _in_container(kind, request), None
        for where in request.query.get("where", []):
            checks.append(
                compile_predicate(where, variables=variables, fields=kind.fields, id_key=project.id_key)
            )
            if " or " not in where and "not" not in where and (match := AFTER.search(where)):
                after = match[2] or variables[match[1]][0]
        found = project.query(kind.shelf, checks, after=after, view=_view(kind, request))
        keys = [_sort_key(each, kind.fields, project.id_key) for each in request.query.get("sort", [])]
        for key, is_descending in reversed(keys):
            found.sort(key=key, reverse=is_descending)
        return found

    def _held(self, kind: Kind, request: Request) -> Resource | None:
        name = request.match[1]
        by_id = self.project.shelves[kind.shelf].by_id
        for prefix, field in (("key=", "key"), ("order-number=", "orderNumber")):
            if prefix in request.path:
                return next((row for row in by_id.values() if row.get(field) == name), None)
        return by_id.get(name)

    def _read(self, kind: Kind, request: Request) -> Reply:
        if kind.name == "message" and not self.project.messages.is_on:
            return _gone(request)
        held = self._held(kind, request)
        row = _view(kind, request)(held) if held else None
        return Reply(200, self._expanded(row, request)) if row else _gone(request)

    def _expanded(self, row: Resource, request: Request) -> Mapping[str, Any]:
        """Return a resource with what the call wants to be expanded, as far as its token may see that."""
        paths = request.query.get("expand", [])
        if not paths:
            return row
        _, granted = self._token_of(request)

        def find(name: str, id_: str) -> Resource | None:
            kind = SHELVES.get(name)
            if kind is None or not self._is_granted(kind.scopes, granted):
                return None
            return self.project.shelves[name].by_id.get(id_)

        return expanded(row, paths, find)

    # -- writing ----------------------------------------------------------------------

    def _create(self, kind: Kind, request: Request) -> Reply:
        draft = request.json()
        if not isinstance(draft, dict):
            return fault(400, "InvalidJsonInput", "Request body does not contain valid JSON.")
        body = {k: v for k, v in draft.items() if k not in ("id", "version")}
        row = self.project.add(kind.shelf, body, by="api")
        return Reply(201, {"customer": row} if kind.name == "customer" else row)

    def _update(self, kind: Kind, request: Request) -> Reply:
        row, body = self._held(kind, request), request.json()
        if row is None:
            return _gone(request)
        if not isinstance(body, dict):
            return fault(400, "InvalidJsonInput", "Request body does not contain valid JSON.")
        if body.get("version") != row["version"]:
            return _conflict(row, body.get("version"))
        changes: dict[str, Any] = {}
        actions = body.get("actions") or []
        for action in actions:
            try:
                changes |= changes_of(kind.name, row | changes, action, self._type)
            except ActionError as error:
                return fault(400, error.code, error.message, **error.more)
            except (KeyError, TypeError) as error:
                return fault(400, "InvalidJsonInput", f"Not an update action, or without {error}: {action}.")
        what = ",".join(str(action["action"]) for action in actions)
        changes |= {"lastModifiedBy": self._who(request)}
        return Reply(200, self.project.change(kind.shelf, row["id"], changes, what=what, by="api"))

    def _type(self, named: Mapping[str, Any]) -> Resource | None:
        """Return the type that something names, by its id or its key."""
        types = self.project.shelves["type"].by_id
        by_key = {row.get("key"): row for row in types.values()}
        return types.get(named.get("id", "")) or by_key.get(named.get("key", ""))

    def _who(self, request: Request) -> dict[str, Any]:
        """Return who makes a call: its API client, and whom that says it acts for (vendor: Client Logging)."""
        headers = {k.lower(): v for k, v in request.headers.items()}
        told = headers.get("x-external-user-id")
        return {"clientId": self._client[0], "isPlatformClient": False} | (
            {"externalUserId": told} if told else {}
        )

    def _delete(self, kind: Kind, request: Request) -> Reply:
        row = self._held(kind, request)
        if row is None:
            return _gone(request)
        if request.first("version") != str(row["version"]):
            return _conflict(row, request.first("version"))
        return Reply(200, self.project.delete(kind.shelf, row["id"], by="api"))

    # -- custom objects ---------------------------------------------------------------

    def _object(self, container: str, key: str) -> Resource | None:
        rows = self.project.shelves[OBJECT].by_id.values()
        return next((row for row in rows if (row.get("container"), row.get("key")) == (container, key)), None)

    def _read_object(self, kind: Kind, request: Request) -> Reply:
        del kind
        row = self._object(request.match[1], request.match[2])
        return Reply(200, self._expanded(row, request)) if row else _gone(request)

    def _write_object(self, kind: Kind, request: Request) -> Reply:
        """Create one, or replace the value of the one of that container and key as its next version."""
        del kind
        draft = request.json()
        if not isinstance(draft, dict) or "value" not in draft:
            return fault(400, "InvalidJsonInput", "Request body does not contain valid JSON.")
        for name in ("container", "key"):
            if not OBJECT_NAME.fullmatch(str(draft.get(name) or "")):
                text = f"Request body does not contain valid JSON. {name}: must match {OBJECT_NAME.pattern}"
                return fault(400, "InvalidJsonInput", text)
        held = self._object(draft["container"], draft["key"])
        value = _without_nulls(draft["value"])
        if held is None:
            body = {"container": draft["container"], "key": draft["key"], "value": value}
            return Reply(201, self.project.add(OBJECT, body, by="api"))
        if draft.get("version") not in (None, held["version"]):
            return _conflict(held, draft["version"])
        return Reply(
            200, self.project.change(OBJECT, held["id"], {"value": value}, what="replaced", by="api")
        )

    def _delete_object(self, kind: Kind, request: Request) -> Reply:
        del kind
        row = self._object(request.match[1], request.match[2])
        if row is None:
            return _gone(request)
        if request.first("version") not in (None, str(row["version"])):
            return _conflict(row, request.first("version"))
        return Reply(200, self.project.delete(OBJECT, row["id"], by="api"))


def _in_container(kind: Kind, request: Request) -> list[Callable[[Resource], bool]]:
    """Return what a query for the custom objects of one container asks of each; nothing of any other query."""
    if kind.name != OBJECT or not request.match.re.groups:
        return []
    container = request.match[1]
    return [lambda row: row.get("container") == container]


def _without_nulls(value: Any) -> Any:
    """Return a value as it is saved: its fields without those that are null (vendor's specification)."""
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(each) for name, each in value.items() if each is not None}


def _view(kind: Kind, request: Request) -> Callable[[Resource], Resource | None]:
    """Return how a kind is shown to a call: a product as its published or its staged projection."""
    if kind.name != "product-projection":
        return lambda row: row
    return partial(projection_of, is_staged=request.first("staged") == "true")


def _number(request: Request, name: str, *, default: int, most: int) -> int:
    """Return a whole number of the query; what is none, or out of bounds, the server refuses."""
    text = request.first(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise PredicateError(f"Malformed parameter: {name}: '{text}' is not a number.")
    if not 0 <= int(text) <= most:
        raise PredicateError(
            f"Malformed parameter: {name}: Predicate failed: ({text} is within [0, {most}])."
        )
    return int(text)


def _sort_key(
    text: str, fields: Mapping[str, Any], id_key: Callable[[str], Any]
) -> tuple[Callable[[Resource], Any], bool]:
    """Return what a sort expression sorts by, and whether it goes down; absent values come first."""
    path, _, direction = text.strip().partition(" ")
    if direction.strip() not in ("", "asc", "desc"):
        raise PredicateError(f"Malformed parameter: sort: Syntax error near '{direction}'.")
    below: Any = fields
    for part in (parts := path.split(".")):
        if below is not None and part not in below:
            raise PredicateError(f"Malformed parameter: sort: The field '{part}' does not exist.")
        below = below and below[part]

    def key(row: Resource) -> Any:
        value: Any = row
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        if parts == ["id"]:
            return (1, id_key(value))
        return (0, 0) if value is None else (1, value if isinstance(value, int | float) else str(value))

    return key, direction.strip() == "desc"


def _unauthorized(code: str) -> Reply:
    row = {"code": code, "message": code}
    return Reply(401, {"statusCode": 401, "message": code, "errors": [row], "error": code})


def _gone(request: Request) -> Reply:
    return fault(404, "ResourceNotFound", f"The Resource with ID '{request.match[1]}' was not found.")


def _conflict(row: Resource, given: Any) -> Reply:
    text = f"Object {row['id']} has a different version than expected. Expected: {given} - Actual: {row['version']}."
    return fault(409, "ConcurrentModification", text, currentVersion=row["version"])


def main() -> None:
    """Serve a project until told to stop."""
    parser = argparse.ArgumentParser(description="a look-alike of a Commercetools project")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18080, help="0 picks a free one")
    parser.add_argument("--profile", choices=("a", "b"), default="a")
    parser.add_argument("--project", default="demo-shop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--client", default="sandbox:sandbox", help="client id and secret")
    given = parser.parse_args()
    client_id, _, secret = given.client.partition(":")
    service = Commercetools(
        profile=given.profile, project=given.project, seed=given.seed, client=(client_id, secret)
    )
    serve(service, host=given.host, port=given.port)


if __name__ == "__main__":
    main()
