"""Makes sure that custom fields and the e-commerce connection exist, paging to the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError

from ct_ac_sync.errors import PayloadError, ProvisioningError, UnclearError
from ct_ac_sync.ports import FieldWanted, Json, Layout
from ct_ac_sync.schemas.activecampaign.inbound import ConnectionsAnswerSchema, FieldsAnswerSchema

Read = Callable[[str, Mapping[str, str], str], Any]
Write = Callable[[str, Json, str], Any]

SERVICE = "ct-ac-sync"
PAGE = 100
#: Both are required by the vendor, and shown beside the connection's name.
LOGO_URL = "https://example.com/ct-ac-sync.png"
LINK_URL = "https://example.com/ct-ac-sync"

_FIELDS, _CONNECTIONS = FieldsAnswerSchema(), ConnectionsAnswerSchema()


class Provisioner:
    """Finds or makes; whatever was unclear is looked up again."""

    def __init__(self, read: Read, write: Write, *, connection: str) -> None:
        self._read = read
        self._write = write
        self._connection = connection

    def ensure_layout(self, fields: Sequence[FieldWanted]) -> Layout:
        """
        Return ids of fields by perstag, and of the connection.

        Raises:
            ProvisioningError: One of them is still missing after it was made.
        """
        known, related = self._fetch_fields()
        for wanted in fields:
            if wanted.perstag not in known:
                known[wanted.perstag] = self._create_field(wanted)
            if known[wanted.perstag] not in related:
                relation = {"fieldRel": {"field": int(known[wanted.perstag]), "relid": 0}}
                self._write("/fieldRels", relation, "relate_field")
        ids = {wanted.perstag: known[wanted.perstag] for wanted in fields}
        return Layout(fields=ids, connection=self._ensure_connection())

    def _fetch_fields(self) -> tuple[dict[str, str], set[str]]:
        known: dict[str, str] = {}
        related: set[str] = set()
        offset = 0
        while True:
            params = {"limit": str(PAGE), "offset": str(offset)}
            body: Any = _load(_FIELDS, self._read("/fields", params, "list_fields"))
            for row in body["fields_"]:
                known.setdefault(row["perstag"].upper(), row["id"])
            related |= {row["field"] for row in body["relations"]}
            if len(body["fields_"]) < PAGE:
                return known, related
            offset += PAGE

    def _create_field(self, wanted: FieldWanted) -> str:
        field = {"title": wanted.title, "type": wanted.type, "perstag": wanted.perstag, "visible": 1}
        try:
            body = self._write("/fields", {"field": field}, "create_field")
            return str(body["field"]["id"])
        except (UnclearError, PayloadError, KeyError, TypeError) as error:
            found = self._fetch_fields()[0].get(wanted.perstag)
            if found is None:
                raise ProvisioningError(
                    f"ActiveCampaign has no custom field {wanted.perstag} and does not make it: {error}",
                    cause="field_missing",
                ) from error
            return found

    def _ensure_connection(self) -> str:
        found = self._find_connection()
        if found is not None:
            return found
        # Without listId: an order must not put anybody on a list.
        connection = {
            "service": SERVICE, "externalid": self._connection, "name": self._connection,
            "logoUrl": LOGO_URL, "linkUrl": LINK_URL,
        }  # fmt: skip
        try:
            self._write("/connections", {"connection": connection}, "create_connection")
        except (UnclearError, PayloadError) as error:
            if (found := self._find_connection()) is None:
                raise ProvisioningError(
                    f"ActiveCampaign has no connection {self._connection} and does not make it: {error}",
                    cause="connection_missing",
                ) from error
            return found
        found = self._find_connection()
        if found is None:
            raise ProvisioningError(
                f"ActiveCampaign does not show the connection {self._connection}", cause="connection_missing"
            )
        return found

    def _find_connection(self) -> str | None:
        params = {
            "filters[service]": SERVICE, "filters[externalid]": self._connection, "limit": str(PAGE),
        }  # fmt: skip
        body: Any = _load(_CONNECTIONS, self._read("/connections", params, "list_connections"))
        ours = (SERVICE, self._connection)
        ids = [row["id"] for row in body["connections"] if (row["service"], row["externalid"]) == ours]
        return min(ids, key=int) if ids else None


def _load(schema: Any, body: Any) -> Any:
    try:
        return schema.load(body)
    except ValidationError as error:
        raise ProvisioningError(
            f"ActiveCampaign's answer is not as documented: {error.messages}",
            cause="answer_not_as_documented",
        ) from error
