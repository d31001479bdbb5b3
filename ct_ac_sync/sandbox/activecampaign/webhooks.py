"""
Webhooks: what an account tells of itself, once or twice or never, late and in any order.

They hear of every effect that goes into the log.  What belongs together in one call (several
values of a contact, several lists that somebody leaves) is told in one form.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import tornado.httpclient

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.lists import ACTIVE, UNSUBSCRIBED
from ct_ac_sync.sandbox.activecampaign.values import stamp
from ct_ac_sync.sandbox.activecampaign.webhook_forms import Event, active_on, form_of

Row = dict[str, Any]

#: In the vendor's own order (vendor documentation, List all webhook events).
EVENTS = (
    "bounce", "click", "contact_tag_added", "contact_tag_removed", "deal_add", "deal_note_add",
    "deal_pipeline_add", "deal_stage_add", "deal_task_add", "deal_task_complete", "deal_tasktype_add",
    "deal_update", "forward", "list_add", "open", "reply", "sent", "share", "sms_reply", "sms_sent",
    "sms_unsub", "subscribe", "subscriber_note", "unsubscribe", "update",
)  # fmt: skip
#: Documented in other places than that list.
MORE_EVENTS = (
    "account_add", "account_contact_add", "account_contact_update", "account_update", "contact_task_add",
)  # fmt: skip
SOURCES = ("public", "admin", "api", "system")
#: What a form says of a new list.
LIST_SHOWN = (
    "id", "userid", "name", "sender_addr1", "sender_addr2", "sender_city", "sender_zip", "sender_state",
    "sender_country", "fulladdress", "sender_url", "sender_reminder",
)  # fmt: skip
#: These a list narrows (vendor documentation, Create a webhook); here are those that fire at all.
NARROWED = ("subscribe", "unsubscribe", "update", "bounce")
#: How an effect came about → the source of its event; all else is the API's.
SOURCE_OF = {"person": "public", "form": "public", "sms": "public", "admin": "admin", "system": "system"}
TIMEOUT_SECONDS = 10.0
GONE = 410


@dataclass(slots=True, kw_only=True)
class Weather:
    """How lossy deliveries are: shares between 0 and 1, and up to how many seconds they come late."""

    lose: float = 0.0
    twice: float = 0.0
    late_seconds: float = 0.0


class Webhooks:
    """The webhooks of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.rows: dict[str, Row] = {}
        #: Those that answered 410 once: they are told nothing any more.
        self.gone: set[str] = set()
        self.weather = Weather()
        self._waiting: dict[tuple[str | None, ...], Event] = {}
        self._created: set[str] = set()
        self._is_due = False
        self._tasks: set[asyncio.Task[None]] = set()
        account.listeners.append(self._hear)

    def create(self, wanted: Mapping[str, Any]) -> Row:
        """Create a webhook."""
        row: Row = {"cdate": stamp(), "listid": "0", "links": [], "id": self._account.next_id("webhook")}
        self.rows[row["id"]] = row
        self.change(row, wanted)
        self._account.note("webhook_created", webhook=row["id"], url=row["url"])
        return row

    def change(self, row: Row, wanted: Mapping[str, Any]) -> None:
        """Change what is named of a webhook."""
        row |= {name: wanted[name] for name in ("name", "url", "events", "sources") if name in wanted}
        row["listid"] = str(wanted.get("listid", row["listid"]) or 0)

    def delete(self, id_: str) -> None:
        """Delete a webhook; what is still on its way does not arrive."""
        del self.rows[id_]
        self._account.note("webhook_deleted", webhook=id_)

    def shown(self) -> list[Row]:
        """Return the webhooks as the account lists them."""
        is_listed = self._account.switch("gone_webhook") == "listed"
        return [row for row in self.rows.values() if is_listed or row["id"] not in self.gone]

    def state(self) -> Row:
        """Return all webhooks, and whether each is still told anything."""
        rows = self.rows.values()
        return {"webhooks": [row | {"is_active": row["id"] not in self.gone} for row in rows]}

    # -- what is heard ----------------------------------------------------------------

    def _hear(self, kind: str, facts: Row) -> None:
        """Gather what an effect fires; an import fires nothing (vendor documentation)."""
        if facts.get("via") == "import" or not self.rows:
            return
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)
        for event in self._events_of(kind, facts):
            self._gather(event)

    def _events_of(self, kind: str, facts: Row) -> list[Event]:
        facts = {"via": "api"} | facts
        match kind:
            case "list_status":
                return self._of_membership(facts)
            case "contact_created":
                self._created.add(facts["contact"])
                adds = self._account.switch("webhook_added_subscribes")
                return [self._event("subscribe", facts)] if adds else []
            case "contact_changed" | "contact_renamed" | "field_value":
                is_new, on = facts["contact"] in self._created, active_on(self._account, facts["contact"])
                return [] if is_new else [self._event("update", facts, on)]
            case "tag_added" | "tag_removed":
                return [self._event(f"contact_{kind}", facts, more={"tag": facts["name"]})]
            case "list_created":
                return [self._of_new_list(facts)]
            case "contact_bounced":
                return [self._event("bounce", facts, facts["lists"], _bounce(facts["campaign"]))]
            case "sms_stopped":
                return [self._of_stop(facts)]
            case _:
                return []

    def _of_membership(self, facts: Row) -> list[Event]:
        if facts["after"] == ACTIVE:
            form = self._row(facts)["form"] if facts["via"] == "form" else None
            return [self._event("subscribe", facts, [facts["list"]], {"form[id]": form})]
        is_quiet = facts["via"] == "sms" and self._account.switch("webhook_sms_stop") == "sms_unsub"
        if facts["after"] != UNSUBSCRIBED or is_quiet:
            return []
        row = self._row(facts)
        campaign = row["campaign"] if facts["via"] == "person" else None
        left = {"unsubscribe[reason]": row["unsubreason"], "campaign[id]": campaign}
        return [self._event("unsubscribe", facts, [facts["list"]], left)]

    def _of_new_list(self, facts: Row) -> Event:
        row = self._account.lists[facts["list"]]
        more = {f"list[{name}]": row[name] for name in LIST_SHOWN}
        return self._event("list_add", {"via": facts["via"]}, more=more)

    def _of_stop(self, facts: Row) -> Event:
        phone = self._account.contacts[facts["contact"]]["phone"]
        id_ = self._account.next_id("sms")
        return self._event("sms_unsub", facts, facts["lists"], {"sms[id]": id_, "sms[phone]": phone})

    def _row(self, facts: Row) -> Row:
        return self._account.memberships_of[facts["contact"]][facts["list"]]

    def _event(
        self, type_: str, facts: Row, lists: Iterable[str] = (), more: Mapping[str, Any] | None = None
    ) -> Event:
        return Event(
            type=type_, source=SOURCE_OF.get(facts["via"], "api"), at=datetime.now(UTC),
            contact=facts.get("contact"), lists=list(lists),
            more={k: str(v) for k, v in (more or {}).items() if v is not None},
        )  # fmt: skip

    def _gather(self, event: Event) -> None:
        """Keep an event until the call is over, together with its like."""
        known = self._waiting.setdefault((event.type, event.contact, event.more.get("tag")), event)
        if known is not event:
            known.lists += [id_ for id_ in event.lists if id_ not in known.lists]

    # -- what is told -----------------------------------------------------------------

    def _flush(self) -> None:
        events, self._waiting, self._is_due = list(self._waiting.values()), {}, False
        self._created.clear()
        for event in events:
            body = form_of(self._account, event)
            for row in list(self.rows.values()):
                if row["id"] not in self.gone and _wants(row, event):
                    self._send(row["id"], event, body)

    def _send(self, webhook: str, event: Event, body: str) -> None:
        """Send an event: never, once or twice, and each copy as late as the dice say."""
        loop, weather, dice = asyncio.get_running_loop(), self.weather, self._account.dice
        if weather.lose and dice.random() < weather.lose:
            self._account.note("webhook_lost", webhook=webhook, type=event.type, contact=event.contact)
            return
        copies = 2 if weather.twice and dice.random() < weather.twice else 1
        for _ in range(copies):
            late = dice.random() * weather.late_seconds if weather.late_seconds else 0.0
            loop.call_later(late, self._start, webhook, event, body)

    def _start(self, webhook: str, event: Event, body: str) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(webhook, event, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, webhook: str, event: Event, body: str) -> None:
        """Deliver a form; whatever comes of it, it is not tried again, and a 410 is for good."""
        row = self.rows.get(webhook)
        if row is None or webhook in self.gone:
            return
        status = await _post(row["url"], body)
        facts = {"webhook": webhook, "type": event.type, "contact": event.contact, "status": status}
        self._account.note("webhook_sent", **facts)
        if status == GONE and webhook not in self.gone:
            self.gone.add(webhook)
            self._account.note("webhook_deactivated", webhook=webhook)


def _bounce(campaign: str) -> dict[str, str]:
    return {
        "campaign[id]": campaign, "bounce[type]": "hard", "bounce[code]": "5.1.1",
        "bounce[description]": "The address does not exist",
    }  # fmt: skip


def _wants(row: Row, event: Event) -> bool:
    """Whether a webhook fires: by event, source, and list where it is one that lists narrow."""
    if event.type not in row["events"] or event.source not in row["sources"]:
        return False
    return row["listid"] == "0" or event.type not in NARROWED or row["listid"] in event.lists


async def _post(url: str, body: str) -> int:
    """Return the status of an answer; 0 where there is none."""
    request = tornado.httpclient.HTTPRequest(
        url, method="POST", body=body, follow_redirects=False, request_timeout=TIMEOUT_SECONDS,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    try:
        answer = await tornado.httpclient.AsyncHTTPClient().fetch(request, raise_error=False)
    except (OSError, tornado.httpclient.HTTPError):
        return 0
    return 0 if answer.code == 599 else answer.code
