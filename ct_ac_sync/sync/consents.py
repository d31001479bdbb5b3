"""
The consents of one destination: what follows of what people said, list by list.

This is the only door to a subscription.  A membership is read in the same claim in which it is
changed; a no goes before a yes; who is brought back is looked at once more, and where they left
meanwhile, their own no is restored.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import structlog

from ct_ac_sync.configuration.values import Configuration, ConsentConfig, ListConfig
from ct_ac_sync.domain.consent import (
    Action,
    Evidence,
    Known,
    Look,
    Membership,
    Says,
    Standing,
    Verdict,
    could_act,
    decide,
    look_at,
    may_send,
    weigh,
)
from ct_ac_sync.domain.delivery import Member, MembershipChange
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import NotShownError
from ct_ac_sync.ports import Call, Destination, ListSeen, Stream
from ct_ac_sync.store.consent_book import ConsentBook, Judged, Said, Seen
from ct_ac_sync.sync.references import LookupOf, References
from ct_ac_sync.sync.router import Router

log = structlog.get_logger()

#: How often a contact is looked up that is not linked: searches may lag behind writes.
LOOKS = 4
#: A telephone number as the vendor's help asks for it where messages are sent to it.
E164 = re.compile(r"\+[1-9]\d{6,14}")
SMS = "sms"
OVERRULED = Verdict(Action.UNSUBSCRIBE, "left while we wrote: their own no is restored")

PhoneOf = Callable[[Member], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPlan:
    """
    What is to be done for what somebody consents to.

    Attributes:
        change: The next change of a membership; None where all are as they shall be.
        has_more: Whether another look has to follow it.
        reason: What was decided, in words.
    """

    fingerprint: str
    change: MembershipChange | None = None
    has_more: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A list of which something was said."""

    list: ListConfig
    consent: ConsentConfig
    said: Evidence | None

    @property
    def could_act(self) -> bool:
        return could_act(self.consent.policy, self.said)


class ListMissingError(Exception):
    """A list of the configuration is not there: made there, or mended here, its letters are replayed."""


class Consents:
    """Judges memberships and prepares their changes."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        configuration: Configuration,
        book: ConsentBook,
        router: Router,
        references: References,
        phone_of: PhoneOf,
    ) -> None:
        """
        Judge for one destination.

        Args:
            name: What the tables know it by.
            phone_of: Gives the telephone number that the contact of a member has there.
        """
        self._name = name
        self._destination = destination
        self._configuration = configuration
        self._book = book
        self._router = router
        self._references = references
        self._phone_of = phone_of
        self._lists: Mapping[str, ListSeen] = {}

    # -- what is to be done -----------------------------------------------------------

    def plan(self, member: Member, *, token: int) -> ConsentPlan:
        """
        Return what is next for what the person of *member* consents to.

        Raises:
            GoneError: The contact is not there any more.
            ListMissingError: The account has no such list.
            SyncError: It cannot be told now.
        """
        questions = self._questions(member)
        print_ = fingerprint({each.list.key: _plain(each) for each in questions})
        if print_ == member.fingerprint and not member.is_repair:
            return ConsentPlan(fingerprint=print_)
        asked = [each for each in questions if each.could_act]
        idle = [each for each in questions if not each.could_act]
        self._judge(member, [(each, Membership(), _verdict(each, Membership())) for each in idle])
        if not asked and not member.is_repair:
            return ConsentPlan(fingerprint=print_, reason=_told(idle))
        contact = self._contact_of(member)
        if contact is None:
            return ConsentPlan(fingerprint=print_, reason="no_contact")
        known = self._book.read_memberships(member.recipient, contact)
        looks = self._look(member, contact, known, token=token)
        return self._decided(member, contact, questions, looks, print_)

    def prepare(self, change: MembershipChange) -> Call:
        """Return the call for a change."""
        contact = ContactId(change.contact)
        if change.standing is Standing.ACTIVE:
            is_revival = change.revived_over is not None
            return self._destination.prepare_subscription(contact, change.list, is_revival=is_revival)
        return self._destination.prepare_unsubscription(contact, change.list)

    def _decided(
        self,
        member: Member,
        contact: ContactId,
        questions: Sequence[_Question],
        looks: Mapping[str, Look],
        print_: str,
    ) -> ConsentPlan:
        """Return the first of the changes, ends before beginnings."""
        judged = []
        for each in questions:
            look = looks.get(self._id_of(each.list)) or Look(Membership(), is_news=False)
            verdict = OVERRULED if look.is_overruled else self._verdict(member, each, look.membership)
            judged.append((each, look.membership, verdict))
        self._judge(member, judged)
        changes = sorted(
            (row for row in judged if row[2].acts), key=lambda row: row[2].action is Action.SUBSCRIBE
        )
        reason = "; ".join(f"{each.list.key}: {verdict.reason}" for each, _, verdict in judged)
        if not changes:
            return ConsentPlan(fingerprint=print_, reason=reason)
        question, held, verdict = changes[0]
        change = self._change(contact, question, held, verdict)
        has_more = len(changes) > 1 or change.revived_over is not None
        return ConsentPlan(fingerprint=print_, change=change, has_more=has_more, reason=reason)

    def _change(
        self, contact: ContactId, question: _Question, held: Membership, verdict: Verdict
    ) -> MembershipChange:
        begins = verdict.action is Action.SUBSCRIBE
        ours = question.said if verdict is not OVERRULED else None
        return MembershipChange(
            list=self._id_of(question.list), name=question.list.name, channel=question.list.channel,
            contact=contact, standing=Standing.ACTIVE if begins else Standing.UNSUBSCRIBED,
            said_until=ours.at if ours else None, evidence=ours.number if ours else None,
            revived_over=(held.left_at or held.ended_at) if begins and held.standing is not Standing.NONE else None,
        )  # fmt: skip

    def _verdict(self, member: Member, question: _Question, held: Membership) -> Verdict:
        verdict = _verdict(question, held)
        is_sms = question.list.channel == SMS and verdict.action is Action.SUBSCRIBE
        if is_sms and not E164.fullmatch(self._phone_of(member)):
            return Verdict(Action.HOLD, "said yes, and has no telephone number as +49301234567")
        return verdict

    def _judge(self, member: Member, judged: Iterable[tuple[_Question, Membership, Verdict]]) -> None:
        self._book.judge(
            member.recipient,
            [
                Judged(
                    channel=each.list.channel, list=each.list.name, held=held, verdict=verdict,
                    evidence=each.said.number if each.said else None,
                )
                for each, held, verdict in judged
            ],
        )  # fmt: skip

    # -- before an effect -------------------------------------------------------------

    def may_send(self, member: Member, channel: str, lists: Sequence[str]) -> Verdict:
        """
        Return whether the person of *member* may be sent something by *channel*: LEAVE where they may.

        Args:
            lists: The keys of the lists that their route names: one of this channel that they are on
                is enough.  Where there is none, what they said decides.

        Raises:
            SyncError: It cannot be told now.
        """
        consent = next((each for each in self._configuration.consent if each.channel == channel), None)
        if consent is None:
            return Verdict(Action.LEAVE, "nobody asks for consent")
        wanted = [each for each in self._configuration.lists if each.key in lists and each.channel == channel]
        if not wanted:
            rows = self._book.read_evidence(member.person)
            said = weigh([row.evidence for row in rows if row.channel == channel], consent.policy.owner)
            is_yes = said is not None and said.says is Says.YES and said.is_explicit
            return Verdict(
                Action.LEAVE if is_yes else Action.HOLD, f"said {said.says if said else Says.NOTHING}"
            )
        said_of = {each.list.key: each.said for each in self._questions(member)}
        held = self._held(member, [self._id_of(each) for each in wanted])
        verdicts = [
            may_send(consent.policy, said_of.get(each.key), held.get(self._id_of(each), Membership()))
            for each in wanted
        ]
        return next((each for each in verdicts if each.action is Action.LEAVE), verdicts[0])

    def _held(self, member: Member, ids: Sequence[str]) -> Mapping[str, Membership]:
        """Return memberships as they are known, or read them where one of them is not."""
        contact = self._contact_of(member)
        if contact is None:
            return {}
        known = self._book.read_memberships(member.recipient, contact)
        if all(id_ in known and known[id_].is_settled for id_ in ids):
            return {id_: known[id_].membership for id_ in ids}
        return self._destination.fetch_standings(contact)

    # -- what was said ----------------------------------------------------------------

    def _questions(self, member: Member) -> list[_Question]:
        """Return the lists of which the person's records say something, with what of it counts."""
        lists = {each.key: each for each in self._configuration.lists}
        consents = {each.channel: each for each in self._configuration.consent}
        return [
            _Question(
                list=lists[key],
                consent=consents[lists[key].channel],
                said=weigh(found, consents[lists[key].channel].policy.owner),
            )
            for key, found in sorted(self._said(member, lists, consents).items())
        ]

    def _said(
        self, member: Member, lists: Mapping[str, ListConfig], consents: Mapping[str, ConsentConfig]
    ) -> dict[str, list[Evidence]]:
        """Return by list what was said in records whose route leads to it."""
        rows = [
            row for row in self._book.read_evidence(member.person)
            if row.channel in consents and row.place < len(consents[row.channel].places)
            and consents[row.channel].places[row.place].stream == row.stream
        ]  # fmt: skip

        def keys_of(_: Member, lookup_of: LookupOf) -> list[tuple[str, ...]]:
            return [self._keys_of(row, lookup_of) for row in rows]

        found: dict[str, list[Evidence]] = defaultdict(list)
        routed = self._references.settle_each([member], keys_of)[0] if rows else []
        for row, keys in zip(rows, routed, strict=True):
            for key in keys:
                if lists[key].channel == row.channel:
                    found[key].append(row.evidence)
        return found

    def _keys_of(self, row: Said, lookup_of: LookupOf) -> tuple[str, ...]:
        route = self._router.route_at(
            self._name, row.source, row.body, lookup_of(row.source),
            is_customer=row.stream == Stream.CUSTOMERS, customer=row.customer,
        )  # fmt: skip
        return route.lists if route else ()

    # -- what is there ----------------------------------------------------------------

    def _look(
        self, member: Member, contact: ContactId, known: Mapping[str, Known], *, token: int
    ) -> dict[str, Look]:
        """Read where the contact stands with our lists, and keep it."""
        seen, now = self._destination.fetch_standings(contact), datetime.now(UTC)
        ours = {self._id_of(each): each for each in self._used()}
        looks = {id_: look_at(known.get(id_), seen.get(id_, Membership()), now=now) for id_ in ours}
        news = [
            Seen(
                channel=ours[id_].channel, list=ours[id_].name, standing=look.membership.standing,
                reason=_since(look.membership),
            )
            for id_, look in looks.items() if look.is_news
        ]  # fmt: skip
        held = {id_: look.membership for id_, look in looks.items()}
        self._book.keep(member.recipient, contact, held, news, token=token)
        return looks

    def _used(self) -> tuple[ListConfig, ...]:
        """Return the lists there on which consent decides."""
        return self._configuration.consented_lists_at(self._name)

    def _contact_of(self, member: Member) -> ContactId | None:
        """Return the contact of a recipient, who may not be linked yet; None where there is none."""
        if member.contact is not None:
            return ContactId(member.contact)
        found = self._destination.find_contact(Address(member.address)) if member.address else None
        if found is None and member.address and member.attempts < LOOKS:
            raise NotShownError("the contact is not shown (yet)", cause="contact_not_shown")
        return found.contact if found else None

    def _id_of(self, list_: ListConfig) -> str:
        """
        Return the id of a list there.

        Raises:
            ListMissingError: There is none of its name, or none that this key may see.
        """
        if list_.name not in self._lists:
            self._lists = {each.name: each for each in self._destination.fetch_lists()}
        if list_.name not in self._lists:
            raise ListMissingError(
                f"ActiveCampaign has no list {list_.name!r}, or none that this key may see"
            )
        return self._lists[list_.name].id

    def forget_lists(self) -> None:
        """Look lists up anew: an id may be nobody's by now."""
        self._lists = {}


def _verdict(question: _Question, held: Membership) -> Verdict:
    return decide(question.consent.policy, question.said, held)


def _told(questions: Iterable[_Question]) -> str:
    return "; ".join(f"{each.list.key}: {_verdict(each, Membership()).reason}" for each in questions)


def _plain(question: _Question) -> dict[str, object]:
    """Return what a verdict is made of, besides what is there."""
    said = asdict(question.said) if question.said else None
    return {"policy": asdict(question.consent.policy), "said": said}


def _since(held: Membership) -> str:
    moment = held.left_at if held.standing is Standing.UNSUBSCRIBED else held.joined_at
    return f"since {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else ""
