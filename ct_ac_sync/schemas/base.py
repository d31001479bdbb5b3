"""The base of all inbound schemas, and the few fields they share."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

from ct_ac_sync.domain.money import DIGITS, Money
from ct_ac_sync.domain.order import LocalizedText, Pointer


class InboundSchema(Schema):
    """What a vendor sends: more than we know is passed over, null means absent."""

    class Meta:
        """The vendor may add fields at any time."""

        unknown = EXCLUDE

    @pre_load
    def drop_nulls(self, data: Any, **_: Any) -> Any:
        """Take null for absent, as older and hand-made records have it."""
        if isinstance(data, Mapping):
            return {key: _without_nulls(value) for key, value in data.items() if value is not None}
        return data


def _without_nulls(value: Any) -> Any:
    return [each for each in value if each is not None] if isinstance(value, list) else value


#: The greatest whole number of a vendor (64 bits, vendor documentation) and of our tables.
GREATEST = 2**63 - 1


def version_field() -> fields.Integer:
    """Return the field of a record's version."""
    return fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=GREATEST))


class Instant(fields.Field[datetime]):
    """An aware instant in UTC; fractions of a second may be missing."""

    default_error_messages = {"invalid": "expected an ISO 8601 instant with a zone"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
            if moment.tzinfo is None:
                raise self.make_error("invalid")
            return moment.astimezone(UTC)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise self.make_error("invalid") from error


class Localized(fields.Field[LocalizedText]):
    """A text by language tag."""

    default_error_messages = {"invalid": "expected texts by language tag"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> LocalizedText:
        if not isinstance(value, Mapping):
            raise self.make_error("invalid")
        return LocalizedText(tuple((str(tag), str(text)) for tag, text in value.items() if text is not None))


#: Digits that ``fractionDigits`` may name (vendor documentation, Money).
MOST_DIGITS = 20


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
        if not _is_whole(cents) or abs(cents) > GREATEST or not isinstance(currency, str) or not currency:
            raise self.make_error("invalid")
        digits, precise = value.get("fractionDigits"), None
        if value.get("type") == "highPrecision" or not _is_whole(digits):
            precise = _precise(value, DIGITS.get(currency, 2))
            digits = DIGITS.get(currency, 2)
        if not 0 <= digits <= MOST_DIGITS:
            raise self.make_error("invalid")
        return Money(cents=cents, currency=currency, digits=digits, precise=precise)


def _precise(value: Mapping[str, Any], digits: int) -> Decimal | None:
    """Return a high-precision amount in minor units of *digits* digits, where it is given whole."""
    amount, own = value.get("preciseAmount"), value.get("fractionDigits")
    if not _is_whole(amount) or not _is_whole(own) or not 0 <= own <= MOST_DIGITS:
        return None
    return Decimal(amount).scaleb(digits - own)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


class Reference(fields.Field[str]):
    """The id (or key) of what a reference means."""

    default_error_messages = {"invalid": "expected a reference with an id or a key"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        found = (value.get("id") or value.get("key")) if isinstance(value, Mapping) else None
        if not found:
            raise self.make_error("invalid")
        return str(found)


class PointerField(fields.Field[Pointer]):
    """What a reference means, with the key of what is expanded in it."""

    default_error_messages = {"invalid": "expected a reference with an id or a key"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Pointer:
        found = _pointer(value) if isinstance(value, Mapping) else Pointer()
        if not found.name:
            raise self.make_error("invalid")
        return found


def _pointer(value: Mapping[str, Any]) -> Pointer:
    whole = value.get("obj")
    key = value.get("key") or (whole.get("key") if isinstance(whole, Mapping) else None)
    return Pointer(*(str(each) if each else None for each in (value.get("id"), key)))


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
