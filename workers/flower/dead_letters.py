"""Dead letters: by cause, one by one with its trace, and what a human decides about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tornado.web import HTTPError, authenticated

from ct_ac_sync.bootstrap import Container
from ct_ac_sync.redaction import redact
from ct_ac_sync.store.lanes import LANES
from workers.flower.handler import PageHandler
from workers.flower.masked import outline
from workers.flower.page import Page

TAB = "dead_letters"
#: Letters on one page, oldest first; there are more behind a cause.
SHOWN = 200
#: Of a text that a letter holds, so much is shown.
TEXT = 4000
#: Of a reason, so much is taken.
REASON = 500

#: What became of a decision, by what the address says after it.
SAID: Mapping[str, tuple[str, str]] = {
    "replayed": ("success", "It is available again; the next tick of dispatch rings it."),
    "reread": ("success", "Its record was read again, and can be read now."),
    "unread": ("warning", "Its record was read again, and still cannot be read: the letter stays open."),
    "discarded": ("success", "It is given up until something newer is wanted."),
    "not-open": ("warning", "Nothing was done: by then somebody, or something newer, had settled it."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the list shows."""

    causes: list[dict[str, Any]]
    letters: list[dict[str, Any]]
    behind: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the page of one letter shows: all that may be shown."""

    letter: dict[str, Any]
    trace: dict[str, list[dict[str, Any]]]
    request: str


def look_over(box: Container, cause: str | None) -> Overview:
    """Return the open letters of a cause, or all, and the causes there are."""
    letters = box.desk.dead_letters(cause=cause, limit=SHOWN)
    return Overview(
        causes=box.desk.causes(),
        letters=[row | {"lane": LANES[row["lane"]]} for row in letters],
        behind=box.desk.behind_discarded(),
    )


def look_at(box: Container, number: int) -> Found | None:
    """Return one letter; texts are redacted once more, though nothing personal should be in them."""
    letter = box.desk.dead_letter(number)
    if letter is None:
        return None
    texts = {name: redact(letter[name] or "", limit=TEXT) for name in ("message", "answer")}
    return Found(
        letter=letter | texts | {"lane": LANES[letter["lane"]]},
        trace=box.desk.trace(number),
        request=outline(letter["request"]),
    )


def replay(box: Container, number: int, *, actor: str, reason: str) -> str:
    """Replay one letter; return what became of it."""
    done = box.replay.replay([number], actor=actor, reason=reason)
    if done.not_open:
        return "not-open"
    if box.desk.still_open([number]):
        return "unread"
    return "reread" if done.reread else "replayed"


def discard(box: Container, number: int, *, actor: str, reason: str) -> str:
    """Discard one letter; return what became of it."""
    return "discarded" if box.desk.discard([number], actor=actor, reason=reason) else "not-open"


DECISIONS = {"replay": replay, "discard": discard}


class DeadLettersHandler(PageHandler):
    """The open dead letters, grouped by cause."""

    @authenticated
    async def get(self) -> None:
        """Show them all, or those of a cause."""
        cause = self.get_query_argument("cause", None) or None
        found = await self.ask(lambda box: look_over(box, cause))
        of_cause = sum(row["letters"] for row in found.causes if cause in (None, row["cause"]))
        self.render(
            "dead_letters.html", active_tab=TAB, found=found, cause=cause, of_cause=of_cause,
            total=sum(row["letters"] for row in found.causes),
        )  # fmt: skip


class DeadLetterHandler(PageHandler):
    """One dead letter."""

    @authenticated
    async def get(self, number: str) -> None:
        """Show all that may be shown of it, and its trace."""
        await self._show(number, said=SAID.get(self.get_query_argument("said", "")))

    @authenticated
    async def post(self, number: str) -> None:
        """Carry out what a human decides, and show the letter after it."""
        if not self.may_decide:
            raise HTTPError(403, "this Flower is read-only")
        decide = DECISIONS.get(self.get_body_argument("decision", ""))
        reason = self.get_body_argument("reason", "")[:REASON]
        if decide is None or not reason:
            self.set_status(400)
            lacking = (
                "Say why: the reason is kept with the letter." if decide else "There is no such decision."
            )
            await self._show(number, said=("danger", lacking))
            return
        actor = self.actor
        said = await self.ask(lambda box: decide(box, int(number), actor=actor, reason=reason))
        self.redirect(f"{self.reverse_url('dead_letter', number)}?said={said}", status=303)

    async def _show(self, number: str, *, said: tuple[str, str] | None) -> None:
        found = await self.ask(lambda box: look_at(box, int(number)))
        if found is None:
            raise HTTPError(404, f"There is no dead letter {number}.")
        self.render(
            "dead_letter.html", active_tab=TAB, found=found, letter=found.letter, said=said,
            may_decide=self.may_decide, actor=self.actor, reason_length=REASON,
        )  # fmt: skip


PAGES = (
    Page(name=TAB, pattern=r"/dead-letters", handler=DeadLettersHandler, tab="Dead letters"),
    Page(name="dead_letter", pattern=r"/dead-letters/([0-9]{1,18})", handler=DeadLetterHandler),
)
