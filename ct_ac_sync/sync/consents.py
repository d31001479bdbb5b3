"""
The consents of one destination: what follows of what people said, list by list.

This is the only door to a subscription.  A membership is read in the same claim in which it is
changed; a no goes before a yes; who is brought back is looked at once more, and where they left
meanwhile, their own no is restored.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TypeAlias

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
    decide,
    look_at,
    may_send,
    on_order,
    weigh,
)
from ct_ac_sync.domain.delivery import Member, MembershipChange
from ct_ac_sync.domain.fingerprint import fingerprint
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.write_back import leaving_of
from ct_ac_sync.errors import GoneError, NotShownError
from ct_ac_sync.ports import (
    NOTHING_SAID,
    Call,
    Destination,
    Herald,
    Json,
    Lane,
    OrderConsent,
)
from ct_ac_sync.store.consent_book import ConsentBook, Judged, Said
from ct_ac_sync.store.deliveries import Moved
from ct_ac_sync.store.event_book import EventBook
from ct_ac_sync.store.lanes import LANES
from ct_ac_sync.sync.desired import NOT_BEGUN
from ct_ac_sync.sync.exclusions import Exclusions
from ct_ac_sync.sync.hearing import Hearing, ListMissingError, Question, evidence_of
from ct_ac_sync.sync.teller import UNUSUAL

log = structlog.get_logger()

#: How often a contact is looked up that is not linked: searches may lag behind writes.
LOOKS = 4
#: A telephone number as the vendor's help asks for it where messages are sent to it.
E164 = re.compile(r"\+[1-9]\d{6,14}")
SMS = "sms"
#: What writing back is called where it is counted, and halted.
WRITE_BACK = "write_back"
#: What follows of a no for a membership that nobody has looked at.
UNSEEN = Verdict(Action.UNSUBSCRIBE, "said no: where they are on the list, which nobody has looked at yet")
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
class Left:
    """
    What the person of a customer left.

    Attributes:
        list: The name of the list that was left last.
        membership: As it stands there.
    """

    consent: ConsentConfig
    list: str
    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class ListForeseen:
    """
    What would follow for one list.

    Attributes:
        said: What counts of what was said; None where nothing is.
        held: Where they stand; after a verdict that acts, they stand as it says.
        call: The change that would follow the look; None where there is none.
        is_halted: Whether changes of this kind wait for a human.
    """

    list: ListConfig
    said: Evidence | None
    held: Membership
    verdict: Verdict
    call: Call | None = None
    is_halted: bool = False

    @property
    def after(self) -> Membership:
        """Where they would stand after it."""
        if self.call is None or self.is_halted:
            return self.held
        begins = self.verdict.action is Action.SUBSCRIBE
        return Membership(standing=Standing.ACTIVE if begins else Standing.UNSUBSCRIBED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentForeseen:
    """
    What would follow of what somebody said.

    Attributes:
        contact: Whose memberships were looked at; None where there is no contact yet.
        is_looked: Whether they would be looked at at all: nobody looks for what is known.
        said: What each place says by now.
    """

    contact: ContactId | None
    is_looked: bool
    said: tuple[Said, ...]
    lists: tuple[ListForeseen, ...]


#: A question, where they stand if that was looked at, and the verdict.
_Judged: TypeAlias = "tuple[Question, Membership | None, Verdict]"


class ConsentHaltedError(Exception):
    """Memberships are not begun, or not ended, until a human has looked and resumes."""


class UnsettledError(Exception):
    """A membership is about to be looked at, or changed: what somebody left is told after that."""


class Consents:
    """Judges memberships and prepares their changes."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        configuration: Configuration,
        book: ConsentBook,
        hearing: Hearing,
        phone_of: PhoneOf,
        triggers: EventBook,
        exclusions: Exclusions,
        herald: Herald,
        jump: int,
    ) -> None:
        """
        Judge for one destination.

        Args:
            name: What the tables know it by.
            hearing: What people say of the lists there.
            exclusions: Whom the account excludes from what is sent.
            triggers: Where it stands what is halted until a human has looked.
            jump: So many beginnings, or ends, within an hour may be a mistake in the mapping.
            phone_of: Gives the telephone number that the contact of a member has there.
        """
        self._name = name
        self._destination = destination
        self._configuration = configuration
        self._book = book
        self._hearing = hearing
        self._phone_of = phone_of
        self._exclusions = exclusions
        self._triggers = triggers
        self._herald = herald
        self._jump = jump

    @property
    def is_on(self) -> bool:
        """Whether consent decides on any list there."""
        return bool(self._hearing.used)

    # -- what is to be done -----------------------------------------------------------

    def plan(self, member: Member, *, token: int) -> ConsentPlan:
        """
        Return what is next for what the person of *member* consents to.

        Raises:
            GoneError: The contact is not there any more.
            ListMissingError: The account has no such list.
            ConsentHaltedError: A human must look first: far more changes than can be meant.
            SyncError: It cannot be told now.
        """
        known = self._book.read_memberships(member.recipient)
        self._tell_back(member, _settled(known))
        questions = self._hearing.questions(member, known)
        print_ = self._print(member, member.contact, questions)
        is_open = any(not each.is_settled for each in known.values())
        if print_ == member.fingerprint and not (member.is_repair or is_open):
            return ConsentPlan(fingerprint=print_)
        if not (member.is_repair or is_open or any(each.could_act for each in questions)):
            judged = [
                (each, held, _verdict(each, held or Membership()))
                for each in questions
                for held in (self._known_of(each.list, known) if known else None,)
            ]
            self._judge(member, judged)
            return ConsentPlan(fingerprint=print_, reason=_told(judged))
        contact = self._contact_of(member)
        if member.contact is None:
            self._book.link(member.recipient, contact, token=token)
        looks = self._look(member, contact, known, token=token)
        print_ = self._print(member, contact, questions)
        return self._decided(member, contact, questions, looks, print_)

    def foresee(self, member: Member) -> ConsentForeseen:
        """
        Return what :meth:`plan` would come to, list by list, and change nothing: not here either.

        Of a contact that is not there yet its address stands for its id.

        Raises:
            SyncError: It cannot be told now.
        """
        known = self._book.read_memberships(member.recipient)
        questions = self._hearing.questions(member, known)
        is_open = member.is_repair or any(not each.is_settled for each in known.values())
        is_news = self._print(member, member.contact, questions) != member.fingerprint
        contact, seen = self._seen(member)
        return ConsentForeseen(
            contact=contact,
            is_looked=is_open or (is_news and any(each.could_act for each in questions)),
            said=tuple(self._book.read_evidence([member.person])[member.person]),
            lists=tuple(self._foreseen(member, contact, known, seen, questions)),
        )

    def _seen(self, member: Member) -> tuple[ContactId | None, Mapping[str, Membership]]:
        """Return the contact and where it stands; None where there is no contact."""
        try:
            contact = self._contact_of(member)
            return contact, self._destination.fetch_standings(contact)
        except (GoneError, NotShownError):
            return None, {}

    def _foreseen(
        self,
        member: Member,
        contact: ContactId | None,
        known: Mapping[str, Known],
        seen: Mapping[str, Membership],
        questions: Sequence[Question],
    ) -> Iterator[ListForeseen]:
        """Give what would follow for each list, of which something is said or not."""
        said = {each.list.key: each for each in questions}
        consents = {each.channel: each for each in self._configuration.consent}
        nothing = Evidence(says=Says.NOTHING)
        for each in self._hearing.used:
            question = said.get(each.key, Question(list=each, consent=consents[each.channel], said=nothing))
            told = question.said if each.key in said else None
            try:
                id_ = self._hearing.id_of(each)
            except ListMissingError as error:
                verdict = Verdict(Action.HOLD, str(error))
                yield ListForeseen(list=each, said=told, held=Membership(), verdict=verdict)
                continue
            look = look_at(known.get(id_), seen.get(id_, Membership()))
            verdict = self._judged(member, question, look)
            whose = contact or ContactId(member.address or "")
            yield ListForeseen(
                list=each, said=told, held=look.membership, verdict=verdict,
                call=self.prepare(self._change(whose, question, look.membership, verdict))
                if verdict.acts
                else None,
                is_halted=verdict.acts and self._triggers.is_halted(self._name, _trigger(verdict.action)),
            )  # fmt: skip

    # -- what a remap would come to ---------------------------------------------------

    def compare(self, recipients: Mapping[int, int], *, moved: Moved) -> Iterator[tuple[ListConfig, Verdict]]:
        """
        Give what would be decided of each list of which persons would have said something.

        It is reckoned from what is known here: the account is asked for its lists alone.

        Args:
            recipients: By person; 0 of who is none yet.
            moved: Records that are looked at as if they were elsewhere.

        Raises:
            SyncError: What records refer to, or the lists, cannot be read.
        """
        there = {key: list(places) for each in recipients for key, places in moved.get(each, {}).items()}
        said = self._book.compare_evidence(sorted(recipients), self._configuration.consent, moved=there)
        for person, rows in sorted(said.items()):
            recipient = recipients[person]
            member = replace(NOT_BEGUN, operation="set_consent", person=person, recipient=recipient)
            known = self._book.read_memberships(recipient) if recipient else {}
            for each in self._hearing.questions(member, known, rows):
                yield each.list, self._reckoned(member, each, known)

    def _reckoned(self, member: Member, question: Question, known: Mapping[str, Known]) -> Verdict:
        """Return what would be decided, as far as it is known where they stand."""
        try:
            held = known.get(self._hearing.id_of(question.list))
        except ListMissingError as error:
            return Verdict(Action.HOLD, str(error))
        if held is None and question.said.says is Says.NO and question.could_act:
            return UNSEEN
        return self._verdict(member, question, held.membership if held else Membership())

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
        questions: Sequence[Question],
        looks: Mapping[str, Look],
        print_: str,
    ) -> ConsentPlan:
        """Return the first of the changes, ends before beginnings."""
        judged: list[_Judged] = [
            (each, look.membership, self._judged(member, each, look))
            for each in self._asked(questions, looks)
            for look in (looks[self._hearing.id_of(each.list)],)
        ]
        changes = [
            self._change(contact, each, held or Membership(), verdict)
            for each, held, verdict in judged
            if verdict.acts
        ]
        self._judge(member, judged)
        first = min(changes, key=lambda change: change.standing is Standing.ACTIVE, default=None)
        if first is not None and first.evidence is not None:
            self._check_pace(Action.SUBSCRIBE if first.standing is Standing.ACTIVE else Action.UNSUBSCRIBE)
        has_more = len(changes) > 1 or (first is not None and first.revived_over is not None)
        return ConsentPlan(fingerprint=print_, change=first, has_more=has_more, reason=_told(judged))

    def _check_pace(self, kind: str) -> None:
        """
        Halt what is done far more often than is usual, whoever it is for.

        Raises:
            ConsentHaltedError: It is halted.
        """
        trigger, pace = _trigger(kind), self._book.pace(kind)
        most = max(self._jump, UNUSUAL * pace.busiest)
        reason = f"more than {most} of {kind} within an hour"
        if pace.told >= most:
            self._halt(trigger, reason)
        if self._triggers.is_halted(self._name, trigger):
            raise ConsentHaltedError(trigger)

    def _halt(self, trigger: str, reason: str) -> None:
        if self._triggers.halt([(self._name, trigger)], reason=reason):
            log.error("trigger_halted", destination=self._name, trigger=trigger, reason=reason)
            self._herald.tell_halt(f"{self._name}/{trigger}", "trigger_halted")

    # -- what the shop is told ----------------------------------------------------------

    def left_by(self, member: Member, source: str, body: Json) -> tuple[Left, ...]:
        """
        Return what the person of a customer left, by channel, of the lists that its route names.

        Raises:
            UnsettledError: One of these memberships is not settled.
            ListMissingError: The account has no such list.
            SyncError: It cannot be told now.
        """
        known = self._book.read_memberships(member.recipient)
        keys = self._hearing.keys_of_customer(source, body)
        lists = [each for each in self._hearing.used if each.key in keys]
        told = (
            self._left_of(consent, [each for each in lists if each.channel == consent.channel], known)
            for consent in self._configuration.consent
        )
        return tuple(each for each in told if each is not None)

    def _left_of(
        self, consent: ConsentConfig, lists: Sequence[ListConfig], known: Mapping[str, Known]
    ) -> Left | None:
        """Return what was left of the *lists* of a channel; None where that is nothing, or not told."""
        if consent.write_back is None:
            return None
        held = {each.name: known[id_] for each in lists if (id_ := self._hearing.id_of(each)) in known}
        if not all(each.is_settled for each in held.values()):
            raise UnsettledError
        memberships = {name: each.membership for name, each in held.items()}
        left = leaving_of(memberships.values(), bounces=consent.write_back.bounces)
        name = next((name for name, each in memberships.items() if each is left), "")
        return Left(consent=consent, list=name, membership=left) if left is not None else None

    def check_write_back(self) -> None:
        """
        Halt what is written back far more often than is usual.

        Raises:
            ConsentHaltedError: It is halted.
        """
        self._check_pace(WRITE_BACK)

    def halt_write_back(self, reason: str) -> None:
        """Write nothing back until a human has acted and resumes."""
        self._halt(f"{WRITE_BACK}.consent", reason)

    def _tell_back(self, member: Member, memberships: Mapping[str, Membership]) -> None:
        """Have the shop told of what somebody left, as it is known."""
        if left := self._left(memberships):
            self._book.want_back(member.recipient, left, lane=member.lane)

    def _left(self, memberships: Mapping[str, Membership]) -> str:
        """Return what somebody left by their own will, as one text; empty where that is nothing, or not told."""
        if not self._configuration.writes_back:
            return ""
        gone = sorted(
            (id_, each) for id_, each in memberships.items() if each.is_off and each.ended_for is None
        )
        return " ".join(
            f"{id_}:{each.standing}:{each.ended_at and each.ended_at.isoformat()}" for id_, each in gone
        )

    def _asked(self, questions: Sequence[Question], looks: Mapping[str, Look]) -> list[Question]:
        """Return the questions, and those lists of which nothing is said any more whose revival was overruled."""
        known = {each.list.key for each in questions}
        consents = {each.channel: each for each in self._configuration.consent}
        overruled = [
            Question(list=each, consent=consents[each.channel], said=Evidence(says=Says.NOTHING))
            for each in self._hearing.used
            if each.key not in known and looks[self._hearing.id_of(each)].is_overruled
        ]
        return [*questions, *overruled]

    def _change(
        self, contact: ContactId, question: Question, held: Membership, verdict: Verdict
    ) -> MembershipChange:
        begins = verdict.action is Action.SUBSCRIBE
        ours = question.said if verdict is not OVERRULED else None
        return MembershipChange(
            list=self._hearing.id_of(question.list), name=question.list.name, channel=question.list.channel,
            contact=contact, standing=Standing.ACTIVE if begins else Standing.UNSUBSCRIBED,
            said_at=(ours.since if begins else ours.at) if ours else None, evidence=(ours.number or None) if ours else None,
            revived_over=(held.left_at or held.ended_at) if begins and held.standing is not Standing.NONE else None,
        )  # fmt: skip

    def _judged(self, member: Member, question: Question, look: Look) -> Verdict:
        return OVERRULED if look.is_overruled else self._verdict(member, question, look.membership)

    def _verdict(self, member: Member, question: Question, held: Membership) -> Verdict:
        verdict = _verdict(question, held)
        if verdict.action is Action.SUBSCRIBE:
            verdict = _verdict(question, self._as_excluded(member, question.list, held))
        is_sms = question.list.channel == SMS and verdict.action is Action.SUBSCRIBE
        if is_sms and not E164.fullmatch(self._phone_of(member)):
            return Verdict(Action.HOLD, "said yes, and has no telephone number as +49301234567")
        return verdict

    def _as_excluded(self, member: Member, list_: ListConfig, held: Membership) -> Membership:
        """Return a membership with whether the account excludes who holds it."""
        is_excluded = self._exclusions.covers(
            member.address or "", list_=self._hearing.id_of(list_), channel=list_.channel
        )
        return replace(held, is_excluded=is_excluded)

    def _print(self, member: Member, contact: str | None, questions: Iterable[Question]) -> str:
        """Return a digest of what verdicts are made of, besides what is there."""
        plain: dict[str, object] = {"contact": contact}
        for each in questions:
            plain[each.list.key] = {"policy": asdict(each.consent.policy), "said": asdict(each.said)}
            if each.list.channel == SMS and each.said.says is Says.YES:
                plain["phone"] = self._phone_of(member)
        return fingerprint(plain)

    def _judge(self, member: Member, judged: Iterable[_Judged]) -> None:
        self._book.judge(
            member.recipient,
            [
                Judged(
                    channel=each.list.channel, list=each.list.name,
                    standing=held.standing if held else None, verdict=verdict,
                    evidence=each.said.number or None,
                )
                for each, held, verdict in judged
            ],
        )  # fmt: skip

    # -- before an effect -------------------------------------------------------------

    def may_send(
        self, member: Member, channel: str, lists: Sequence[str], *, is_foreseen: bool = False
    ) -> Verdict:
        """
        Return whether the person of *member* may be sent something by *channel*: LEAVE where they may.

        Args:
            lists: The keys of the lists that their route names: one of this channel that they are on
                is enough.  Where there is none, what they said decides.
            is_foreseen: Whether it is asked for a time when what they said has been written.

        Raises:
            SyncError: It cannot be told now.
        """
        consent = next((each for each in self._configuration.consent if each.channel == channel), None)
        if consent is None:
            return Verdict(Action.LEAVE, "nobody asks for consent")
        wanted = [each for each in self._configuration.lists if each.key in lists and each.channel == channel]
        if not wanted:
            rows = self._hearing.heard(member, {channel: consent})
            said = weigh([evidence_of(row, consent) for row in rows], consent.policy.owner)
            is_yes = said is not None and said.says is Says.YES and said.is_explicit
            if is_yes and self._exclusions.covers(member.address or "", list_="", channel=channel):
                return Verdict(Action.HOLD, "excluded there")
            return Verdict(
                Action.LEAVE if is_yes else Action.HOLD, f"said {said.says if said else Says.NOTHING}"
            )
        if is_foreseen:
            foreseen = {each.list.key: each for each in self.foresee(member).lists}
            found = [foreseen[each.key] for each in wanted]
            verdicts = [may_send(consent.policy, each.said, each.after) for each in found]
            return next((each for each in verdicts if each.action is Action.LEAVE), verdicts[0])
        known = self._book.read_memberships(member.recipient)
        said_of = {each.list.key: each.said for each in self._hearing.questions(member, known)}
        held = self._held(member, known, [self._hearing.id_of(each) for each in wanted])
        verdicts = [
            may_send(
                consent.policy, said_of.get(each.key),
                self._as_excluded(member, each, held.get(self._hearing.id_of(each), Membership())),
            )
            for each in wanted
        ]  # fmt: skip
        return next((each for each in verdicts if each.action is Action.LEAVE), verdicts[0])

    def on_order(self, member: Member, lists: Sequence[str]) -> OrderConsent:
        """
        Return what an order of *member* says of consent, as far as that is known; nobody is asked for it.

        Args:
            lists: The keys of the lists that its route names.
        """
        asked = {each.channel: each for each in self._configuration.consent if each.on_orders}
        if not asked:
            return NOTHING_SAID
        known = self._book.read_memberships(member.recipient)
        rows = self._hearing.heard(member, asked)
        words: dict[str, tuple[Says, datetime | None]] = {}
        for channel, consent in asked.items():
            said = weigh(
                [evidence_of(row, consent) for row in rows if row.channel == channel], consent.policy.owner
            )
            wanted = [each for each in self._hearing.used if each.key in lists and each.channel == channel]
            held = [self._known_of(each, known) for each in wanted] if wanted else None
            word = on_order(consent.policy, said, held)
            words[channel] = word, said.at if said is not None and said.says is word else None
        nothing = (None, None)
        (email, _), (sms, sms_at) = words.get("email", nothing), words.get(SMS, nothing)
        return OrderConsent(email=email, sms=sms, sms_at=sms_at)

    def _known_of(self, list_: ListConfig, known: Mapping[str, Known]) -> Membership | None:
        """Return where somebody stands with a list, as far as is known."""
        try:
            found = known.get(self._hearing.id_of(list_))
        except ListMissingError:
            return None
        return found.membership if found is not None and found.is_settled else None

    def _held(
        self, member: Member, known: Mapping[str, Known], ids: Sequence[str]
    ) -> Mapping[str, Membership]:
        """Return memberships as they are known, or read them where one of them is not."""
        contact = self._contact_of(member)
        if all(id_ in known and known[id_].is_settled and known[id_].contact == contact for id_ in ids):
            return {id_: known[id_].membership for id_ in ids}
        seen = self._destination.fetch_standings(contact)
        looks = {id_: look_at(known.get(id_), seen.get(id_, Membership())) for id_ in ids}
        return {id_: look.membership for id_, look in looks.items() if not look.is_overruled}

    # -- what is there ----------------------------------------------------------------

    def _look(
        self, member: Member, contact: ContactId, known: Mapping[str, Known], *, token: int
    ) -> dict[str, Look]:
        """Read where the contact stands with our lists, and keep it."""
        seen = self._destination.fetch_standings(contact)
        ours = {self._hearing.id_of(each): each for each in self._hearing.used}
        looks = {id_: look_at(known.get(id_), seen.get(id_, Membership())) for id_ in ours}
        is_news = any(each.is_news for each in looks.values())
        held = {id_: each.membership for id_, each in looks.items() if not each.is_overruled}
        self._book.keep(
            member.recipient, contact, looks, ours, token=token, left=self._left(_settled(known) | held),
            lane=LANES.index(Lane.CONSENT) if is_news else member.lane,
        )  # fmt: skip
        return looks

    def _contact_of(self, member: Member) -> ContactId:
        """
        Return the contact of a recipient, who may not be linked yet.

        Raises:
            NotShownError: It is not shown (yet).
            GoneError: There is none, however often it was looked for.
        """
        if member.contact is not None:
            return ContactId(member.contact)
        found = self._destination.find_contact(Address(member.address)) if member.address else None
        if found is not None:
            return found.contact
        if member.attempts < LOOKS:
            raise NotShownError("the contact is not shown (yet)", cause="contact_not_shown")
        raise GoneError("the contact is not there", cause="contact_gone")

    def forget(self) -> None:
        """Look lists, and who is excluded, up anew: one of them may be why a change was refused."""
        self._hearing.forget()
        self._exclusions.forget()


def _trigger(kind: str) -> str:
    """Return what is halted where far too much of a kind is done."""
    return f"{kind}.consent"


def _verdict(question: Question, held: Membership) -> Verdict:
    return decide(question.consent.policy, question.said, held)


def _settled(known: Mapping[str, Known]) -> dict[str, Membership]:
    """Return the memberships of which nothing is under way."""
    return {id_: each.membership for id_, each in known.items() if each.is_settled}


def _told(judged: Iterable[_Judged]) -> str:
    return "; ".join(f"{each.list.key}: {verdict.reason}" for each, _, verdict in judged)
