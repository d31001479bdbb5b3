"""
Reads a look-alike by tap-activecampaign, and holds its records against the tap's schemas.

The schemas were made from real answers.  Runs in an environment of its own; prints, by
stream, how many records the tap itself took, and what of them its schema does not say.
"""

import argparse
import contextlib
import copy
import io
import json
import re
import sys
from collections import Counter, defaultdict
from decimal import Decimal

import jsonschema
from singer import Transformer, metadata
from singer.transform import SchemaMismatch
from singer.utils import strptime_to_utc
from tap_activecampaign import client as tap_client
from tap_activecampaign.discover import discover
from tap_activecampaign.schema import get_schemas
from tap_activecampaign.streams import STREAMS
from tap_activecampaign.sync import sync
from tap_activecampaign.transform import transform_json

TEXT_OF = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?"}
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}


class Listener(tap_client.ActiveCampaignClient):
    """The tap's client, which keeps what it hears."""

    def __init__(self, url, token):
        # The tap takes only public addresses over TLS; a look-alike is on loopback.
        tap_client.is_api_url_valid = lambda _: True
        super().__init__(url, token, "a judge", 30)
        self.heard = defaultdict(list)

    def get(self, path, **options):
        """Return an answer as the tap's client does, and keep a copy by stream."""
        answer = super().get(path, **options)
        self.heard[options["endpoint"]].append(copy.deepcopy(answer))
        return answer


def chosen(names):
    """Return the tap's catalog with only these streams selected."""
    catalog = discover()
    for entry in catalog.streams:
        marks = metadata.to_map(entry.metadata)
        marks = metadata.write(marks, (), "selected", entry.stream in names)
        entry.metadata = metadata.to_list(marks)
    return catalog


def records_of(stream, answers):
    """Return the records of a stream as the tap spells them, before it casts any type."""
    key = STREAMS[stream].data_key
    return [record for answer in answers for record in transform_json(answer, stream, key)]


def differences(records, schema):
    """Return what a stream's records and its schema do not have in common."""
    properties = schema["properties"]
    found = {
        f"{name}: not known to the tap" for record in records for name in record if name not in properties
    }
    if records:
        found |= {f"{name}: missing" for name in properties if all(name not in r for r in records)}
    for record in records:
        for name in record.keys() & properties.keys():
            if not is_fitting(record[name], properties[name]):
                kinds = ", ".join(sorted(kinds_of(properties[name]) - {"null"}))
                found.add(f"{name}: {type(record[name]).__name__}, the tap has {kinds}")
    return sorted(found)


def kinds_of(schema):
    """Return the JSON types that a schema allows."""
    if "anyOf" in schema:
        return set().union(*(kinds_of(each) for each in schema["anyOf"]))
    return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])


def is_fitting(value, schema):
    """
    Whether a value is of an allowed type, as it came over the wire.

    The vendor writes numbers as text too, and the tap casts them; it would cast anything to text.
    """
    kinds = kinds_of(schema)
    if value in (None, ""):
        return "null" in kinds
    if not any(is_kind(value, kind) for kind in kinds - {"null"}):
        return False
    with contextlib.suppress(SchemaMismatch):
        Transformer().transform({"value": value}, {"type": "object", "properties": {"value": schema}})
        return "date-time" not in json.dumps(schema) or strptime_to_utc(value) is not None
    return False


def is_kind(value, kind):
    """Whether a value is of one JSON type, or the text of a number."""
    if isinstance(value, str) and kind in TEXT_OF:
        return re.fullmatch(TEXT_OF[kind], value) is not None
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def main():
    """Print the verdict as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("token")
    parser.add_argument("streams", nargs="+")
    given = parser.parse_args()
    written = io.StringIO()
    with contextlib.redirect_stdout(written), Listener(given.url, given.token) as client:
        sync(client, {"start_date": "2020-01-01T00:00:00Z"}, chosen(given.streams), {})
    messages = [json.loads(line, parse_float=Decimal) for line in written.getvalue().splitlines()]
    records = [message for message in messages if message["type"] == "RECORD"]
    schemas = get_schemas()[0]
    exact = json.loads(json.dumps(schemas), parse_float=Decimal)
    invalid = [
        f"{record['stream']}: {fault.message}"
        for record in records
        for fault in jsonschema.Draft4Validator(exact[record["stream"]]).iter_errors(record["record"])
    ]
    counts = Counter(record["stream"] for record in records)
    verdict = {
        "records": {name: counts[name] for name in given.streams},
        "invalid": invalid,
        "differences": {
            name: differences(records_of(name, client.heard[name]), schemas[name]) for name in given.streams
        },
    }
    json.dump(verdict, sys.stdout)


if __name__ == "__main__":
    main()
