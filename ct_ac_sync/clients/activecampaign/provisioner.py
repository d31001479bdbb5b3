"""Makes sure that custom fields and e-commerce connections exist, paging to the end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError

from ct_ac_sync.clients.activecampaign.paging import Write, pages
from ct_ac_sync.errors import (
    GoneError,
    PayloadError,
    ProvisioningError,
    RejectedError,
    ServerError,
    SyncError,
    UnclearError,
)
from ct_ac_sync.ports import Drift, FieldWanted, Layout, Made
from ct_ac_sync.schemas.activecampaign.inbound import ConnectionsAnswerSchema, FieldsAnswerSchema

Read = Callable[[str, Mapping[str, str], str], Any]

SERVICE = "ct-ac-sync"
#: Both are required by the vendor, and shown beside the connection's name.
LOGO_URL = "https://example.com/ct-ac-sync.png"
LINK_URL = "https://example.com/ct-ac-sync"
#: The documented path, and the one that a client of the vendor's own uses instead.
OPTION_PATHS = ("/fieldOption/bulk", "/fieldOptions/bulk")

_FIELDS, _CONNECTIONS = FieldsAnswerSchema(), ConnectionsAnswerSchema()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A custom field as the account has it; an empty type is one that the answer does not tell."""

    id: str
    perstag: str
    type: str
    options: tuple[str, ...]
    is_related: bool


@dataclass(slots=True)
class _Fields:
    """What the account shows of its custom fields."""

    rows: list[Any] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)
    related: set[str] = field(default_factory=set)

    def held(self) -> dict[str, _Held]:
        """Return the fields by perstag; of several with one, the first."""
        found: dict[str, _Held] = {}
        for row in self.rows:
            perstag = row["perstag"].upper()
            options = tuple(each["value"] for each in self.options if each["field"] == row["id"])
            one = _Held(
                id=row["id"], perstag=perstag, type=row["type"], options=options,
                is_related=row["id"] in self.related,
            )  # fmt: skip
            found.setdefault(perstag, one)
        return found

    def names(self) -> dict[str, str]:
        """Return the perstags by id."""
        return {row["id"]: row["perstag"].upper() for row in self.rows}


class Provisioner:
    """Finds or makes; whatever was unclear is looked up again."""

    def __init__(self, read: Read, write: Write, *, connection: str) -> None:
        self._read = read
        self._write = write
        self._connection = connection

    def ensure_layout(self, fields: Sequence[FieldWanted], connections: Sequence[str] = ()) -> Layout:
        """
        Return ids of fields by perstag, and of connections by name, the default one among them.

        Raises:
            ProvisioningError: One of them is missing and the account refuses to make it, or
                a field that is there has another type than is wanted.
            ServerError: Whether one of them was made is not certain; asking again is safe.
        """
        held = self._fetch_fields()
        _refuse_other_types(fields, held)
        ids = {wanted.perstag: self._ensure_field(wanted, held.get(wanted.perstag)) for wanted in fields}
        known = self._ensure_connections((self._connection, *connections))
        return Layout(fields=ids, connection=known[self._connection], connections=known)

    def check_layout(self, layout: Layout) -> tuple[Drift, ...]:
        """
        Return what of *layout* is not there any more, or goes by another name now.

        Raises:
            ServerError: The account lists them in a form that we do not know; nothing is to
                be made or stopped for that.
        """
        try:
            names, shown = self._list_fields().names(), self._fetch_connections()
        except ProvisioningError as error:
            raise ServerError(str(error), cause=error.cause) from error
        wanted = layout.connections or {self._connection: layout.connection}
        fields = [
            Drift(kind=Made.FIELD, name=perstag, goes_by=names.get(id_))
            for perstag, id_ in sorted(layout.fields.items())
            if names.get(id_) != perstag
        ]
        connections = [
            Drift(kind=Made.CONNECTION, name=name)
            for name, id_ in sorted(wanted.items())
            if shown.get(name) != id_
        ]
        return (*fields, *connections)

    # -- fields -----------------------------------------------------------------------

    def _fetch_fields(self) -> dict[str, _Held]:
        return self._list_fields().held()

    def _list_fields(self) -> _Fields:
        found = _Fields()
        for body in pages(self._load, _FIELDS, "/fields", operation="list_fields", rows="fields_"):
            found.rows += body["fields_"]
            found.options += body["options"]
            found.related |= {row["field"] for row in body["relations"]}
        return found

    def _ensure_field(self, wanted: FieldWanted, held: _Held | None) -> str:
        """Make what is missing of a field: itself, options, and the relation that makes it visible."""
        id_ = held.id if held else self._create_field(wanted)
        present = held.options if held else ()
        if missing := tuple(each for each in wanted.options if each not in present):
            self._add_options(wanted, id_, missing, after=len(present))
        if held is None or not held.is_related:
            self._relate(id_)
        return id_

    def _create_field(self, wanted: FieldWanted) -> str:
        body = {"title": wanted.title, "type": wanted.type, "perstag": wanted.perstag, "visible": 1}
        try:
            answer = self._write("/fields", {"field": body}, "create_field")
            return str(answer["field"]["id"])
        except (UnclearError, PayloadError, KeyError, TypeError) as error:
            found = self._fetch_fields().get(wanted.perstag)
            if found is None:
                raise not_shown(f"custom field {wanted.perstag}", error, cause="field_missing") from error
            return found.id

    def _relate(self, id_: str) -> None:
        """Relate a field to all lists; once too often does no harm, so an unclear end is one to try again."""
        try:
            self._write("/fieldRels", {"fieldRel": {"field": int(id_), "relid": 0}}, "relate_field")
        except UnclearError as error:
            raise not_shown(f"relation of field {id_}", error, cause="relation_missing") from error

    def _add_options(self, wanted: FieldWanted, id_: str, missing: Sequence[str], *, after: int) -> None:
        """Add options at the end; those that are there are never touched, because values name them."""
        rows = [
            {"orderid": place, "value": value, "label": value, "isdefault": False, "field": id_}
            for place, value in enumerate(missing, after + 1)
        ]
        try:
            self._post_options({"fieldOptions": rows})
        except (UnclearError, PayloadError, GoneError) as error:
            found = self._fetch_fields().get(wanted.perstag)
            if lost := sorted(set(missing) - set(found.options if found else ())):
                what = f"option {', '.join(lost)} of custom field {wanted.perstag}"
                raise not_shown(what, error, cause="option_missing") from error

    def _post_options(self, body: Mapping[str, Any]) -> None:
        documented, other = OPTION_PATHS
        try:
            self._write(documented, body, "create_options")
        except GoneError:
            self._write(other, body, "create_options")

    # -- connections ------------------------------------------------------------------

    def _ensure_connections(self, names: Sequence[str]) -> dict[str, str]:
        """Return ids by name, after what is missing was made."""
        shown = self._fetch_connections()
        faults: dict[str, SyncError] = {}
        missing = [name for name in dict.fromkeys(names) if name not in shown]
        for name in missing:
            try:
                self._create_connection(name)
            except (UnclearError, PayloadError) as error:
                faults[name] = error
        if missing:
            shown = self._fetch_connections()
        for name in missing:
            if name not in shown:
                fault = faults.get(name)
                raise not_shown(f"connection {name}", fault, cause="connection_missing") from fault
        return {name: shown[name] for name in names}

    def _create_connection(self, name: str) -> None:
        """Make a connection, without ``listId``: an order must not put anybody on a list."""
        connection = {
            "service": SERVICE, "externalid": name, "name": name, "logoUrl": LOGO_URL, "linkUrl": LINK_URL,
        }  # fmt: skip
        self._write("/connections", {"connection": connection}, "create_connection")

    def _fetch_connections(self) -> dict[str, str]:
        """Return the ids of our connections by name; of several with one name, the oldest."""
        params = {"filters[service]": SERVICE}
        found: dict[str, str] = {}
        for body in pages(
            self._load, _CONNECTIONS, "/connections", operation="list_connections", rows="connections",
            params=params,
        ):  # fmt: skip
            for row in sorted(body["connections"], key=lambda row: int(row["id"])):
                if row["service"] == SERVICE:
                    found.setdefault(row["externalid"], row["id"])
        return found

    def _load(self, schema: Schema, path: str, params: Mapping[str, str], operation: str) -> Any:
        try:
            return schema.load(self._read(path, params, operation))
        except ValidationError as error:
            raise ProvisioningError(
                f"ActiveCampaign's answer is not as documented: {error.messages}",
                cause="answer_not_as_documented",
            ) from error


def not_shown(what: str, error: Exception | None, *, cause: str) -> SyncError:
    """Return the error of what is not shown after it was made: a refusal halts, all else is tried again."""
    if isinstance(error, RejectedError):
        return ProvisioningError(f"ActiveCampaign has no {what} and does not make it: {error}", cause=cause)
    return ServerError(f"ActiveCampaign does not show the {what} (yet): {error}", cause=f"{cause}: unclear")


def _refuse_other_types(fields: Sequence[FieldWanted], held: Mapping[str, _Held]) -> None:
    """Refuse fields that are there with another type: their values would be stored and not shown."""
    differing = [
        f"{wanted.perstag} is of type {there.type}, wanted is {wanted.type}"
        for wanted in fields
        if (there := held.get(wanted.perstag)) and there.type and there.type != wanted.type
    ]
    if differing:
        raise ProvisioningError(
            f"ActiveCampaign's custom fields differ: {'; '.join(differing)}", cause="field_type_differs"
        )
