"""The base of all inbound schemas, and the few fields they share."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load

from ct_ac_sync.domain.money import Money
from ct_ac_sync.domain.order import LocalizedText


class InboundSchema(Schema):
    """What a vendor sends: more than we know is passed over, null means absent."""

    class Meta:
        """The vendor may add fields at any time."""

        unknown = EXCLUDE

    @pre_load
    def drop_nulls(self, data: Any, **_: Any) -> Any:
        """Take null for absent, as older and hand-made records have it."""
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None}
        return data


class Instant(fields.Field[datetime]):
    """An aware instant in UTC; fractions of a second may be missing."""

    default_error_messages = {"invalid": "expected an ISO 8601 instant with a zone"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except (AttributeError, ValueError) as error:
            raise self.make_error("invalid") from error
        if moment.tzinfo is None:
            raise self.make_error("invalid")
        return moment.astimezone(UTC)


class Localized(fields.Field[LocalizedText]):
    """A text by language tag."""

    default_error_messages = {"invalid": "expected texts by language tag"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> LocalizedText:
        if not isinstance(value, Mapping):
            raise self.make_error("invalid")
        return LocalizedText(tuple((str(tag), str(text)) for tag, text in value.items()))


#: Minor units of currencies that do not have two, for money that lacks ``fractionDigits``.
DIGITS: Mapping[str, int] = {
    "JPY": 0,
    "KRW": 0,
    "CLP": 0,
    "VND": 0,
    "ISK": 0,
    "KWD": 3,
    "BHD": 3,
    "JOD": 3,
    "OMR": 3,
    "TND": 3,
}


class MoneyField(fields.Field[Money]):
    """
    Money in minor units.

    ``centAmount`` of a high-precision amount is in the currency's default digits, not in
    its ``fractionDigits`` (vendor documentation, Money).
    """

    default_error_messages = {"invalid": "expected money with currencyCode and an integer centAmount"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Money:
        if not isinstance(value, Mapping):
            raise self.make_error("invalid")
        cents, currency = value.get("centAmount"), value.get("currencyCode")
        if not isinstance(cents, int) or isinstance(cents, bool) or not isinstance(currency, str):
            raise self.make_error("invalid")
        digits = value.get("fractionDigits")
        default = 0 if len(currency) == 4 and currency.endswith("0") else DIGITS.get(currency, 2)
        is_precise = value.get("type") == "highPrecision"
        known = digits if isinstance(digits, int) and not is_precise else default
        return Money(cents=cents, currency=currency, digits=known)


class Reference(fields.Field[str]):
    """The id (or key) of what a reference means."""

    default_error_messages = {"invalid": "expected a reference with an id or a key"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        found = (value.get("id") or value.get("key")) if isinstance(value, Mapping) else None
        if not found:
            raise self.make_error("invalid")
        return str(found)


def faults_of(error: ValidationError) -> dict[str, str]:
    """Return all faults of a validation by dotted path."""
    found: dict[str, str] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, Mapping):
            for key, each in node.items():
                walk(each, f"{path}.{key}" if path else str(key))
        else:
            found[path] = "; ".join(map(str, node)) if isinstance(node, list) else str(node)

    walk(error.messages, "")
    return found
