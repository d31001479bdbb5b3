"""The base of all tables of the file."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from ct_ac_sync.configuration.expression import did_you_mean
from ct_ac_sync.configuration.schema.kinds import Kind


class ConfigurationSchema(Schema):
    """
    A table that knows all its keys.

    Attributes:
        one_of: Keys of which exactly one is given.
        needs_one: Whether none of them given is a fault of this table alone.
        not_both: Pairs of keys of which at most one is given.
    """

    one_of: ClassVar[tuple[str, ...]] = ()
    needs_one: ClassVar[bool] = True
    not_both: ClassVar[tuple[tuple[str, str], ...]] = ()

    class Meta:
        """What is not known is told of in :meth:`check_keys`, with what was meant."""

        unknown = EXCLUDE

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """The kinds of its keys, as the file spells them."""
        return {kind.data_key or name: kind for name, kind in self.fields.items() if isinstance(kind, Kind)}

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_keys(self, data: Any, original: Mapping[str, Any], **_: Any) -> None:
        """Refuse keys that nobody reads, and such as exclude each other."""
        known = self.kinds
        faults: dict[str, list[str]] = {
            key: [f"is no key of this table{did_you_mean(key[:80], known) or _known(known)}"]
            for key in original
            if key not in known
        }
        for one, other in self.not_both:
            if one in original and other in original:
                faults[other] = [f"is given, and so is {one}; keep one of them"]
        if faults:
            raise ValidationError(dict(faults))

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_one(self, data: Any, original: Mapping[str, Any], **_: Any) -> None:
        """Refuse two keys where one decides, and none."""
        given = [key for key in self.one_of if key in original]
        if self.one_of and self.needs_one and not given:
            raise ValidationError(f"says no value: expected one of {', '.join(self.one_of)}")
        if len(given) > 1:
            raise ValidationError(f"expected one of {', '.join(self.one_of)}, not {' and '.join(given)}")


def _known(keys: Mapping[str, Any]) -> str:
    return f": it has {', '.join(sorted(keys))}"


def said_of(schema: Schema) -> str:
    """Return what a table is for: the first sentence of its definition."""
    return " ".join((type(schema).__doc__ or "").strip().split("\n\n")[0].split())
