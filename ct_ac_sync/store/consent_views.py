"""Consent for humans: where people stand, since when, and who said so."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from ct_ac_sync.domain.consent import Action, Says, Standing
from ct_ac_sync.store.consent_book import QUERIES
from ct_ac_sync.store.database import Database

Row = dict[str, Any]


class ConsentViews:
    """Read-only questions about consent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, persons: Sequence[int], *, until: datetime | None = None) -> dict[str, Any]:
        """
        Return where persons stand with each list, as far as it was known *until* then, and how that came.

        Returns:
            ``standings``, a row for each list; ``timeline``, what was said, decided, written and
            seen, oldest first.
        """
        keys = {"persons": list(persons), "until": until}
        evidence = self._database.fetch(QUERIES["list_evidence"], keys)
        ledger = self._database.fetch(QUERIES["list_ledger"], keys)
        return {"standings": _standings(evidence, ledger), "timeline": _timeline(evidence, ledger)}

    def summary(self) -> list[DictRow]:
        """Return how many people have which verdict of each list."""
        return self._database.fetch(QUERIES["summary"])


def _standings(evidence: Sequence[DictRow], ledger: Sequence[DictRow]) -> list[Row]:
    """Return of each list the last that is known: where somebody stands, and what was decided on what."""
    said = {row["evidence"]: row for row in evidence}
    found: dict[tuple[str, str], Row] = {}
    for row in (row for row in ledger if row["what"] != "written_back"):
        held = found.setdefault(
            (row["destination"], row["list"]),
            {"destination": row["destination"], "list": row["list"], "channel": row["channel"]},
        )
        held["standing"] = row["standing"] or held.get("standing")
        if row["what"] != "verdict":
            held["since"] = row["at"]
        else:
            held |= {"verdict": row["action"], "reason": row["reason"], "decided_at": row["at"]}
            held["said"] = _said(said.get(row["evidence"]))
            held["may_send"] = "no" if _is_no(said.get(row["evidence"]), row["action"]) else "yes"
    for held in found.values():
        if held["standing"] != Standing.ACTIVE:
            held["may_send"] = "no"
    return [{"may_send": "yes"} | held for held in found.values()]


def _is_no(said: DictRow | None, action: str) -> bool:
    """Whether a no is known that is still to be written, or to be looked at."""
    is_held = action == Action.HOLD and said is not None and said["says"] == Says.NO
    return is_held or action == Action.UNSUBSCRIBE


def _timeline(evidence: Iterable[DictRow], ledger: Iterable[DictRow]) -> list[Row]:
    rows: list[Row] = [
        {
            "at": row["at"], "what": "said", "channel": row["channel"], "value": row["says"],
            "where": f"{row['stream']} {row['id']} version {row['version']}",
            "reason": _said(row), "evidence": row["evidence"], "details": row["details"], "config": row["config"],
        }
        for row in evidence
    ]  # fmt: skip
    rows += [
        {
            "at": row["at"], "what": row["what"], "channel": row["channel"],
            "value": row["action"] if row["what"] == "verdict" else row["standing"],
            "where": f"{row['destination']} {row['list']}", "reason": row["reason"],
            "evidence": row["evidence"], "attempt": row["attempt"], "request": row["request"],
            "config": row["config"],
        }
        for row in ledger
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row["at"])


def _said(row: DictRow | None) -> str:
    """Return what was said and when, in words."""
    if row is None:
        return ""
    since, at = row["since"], row["said_at"]
    when = (
        f"at {at:%Y-%m-%d %H:%M:%S%z}"
        if at and since == at
        else f"between {since} and {at}"
        if at
        else "no time of its own"
    )
    past = ", in a record of the past" if row["is_past"] else ""
    given = "" if row["is_explicit"] else ", not said by anybody: it came with a field or type"
    return f"{row['says']}, {when}{past}{given}"
