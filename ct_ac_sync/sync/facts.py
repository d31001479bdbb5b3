"""
Facts: what an event causes once, made into the call that does it, and looked up where its end is unclear.

Whether a thing was done is told by what is there: our mark at the end of a tracked value, one
entry more into an automation than we know of since the intent, a cart under its id.  To take
leave of a contact is safe to repeat, so that nothing is looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from ct_ac_sync.configuration.expression import Root
from ct_ac_sync.configuration.values import AutomationRule, Configuration, EventRule, Reentry, Route
from ct_ac_sync.domain.cart import Cart
from ct_ac_sync.domain.consent import Action as ConsentAction
from ct_ac_sync.domain.contact import EcommerceCart
from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.event import Action, Fact, mark_of, parse_fact
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import GoneError, NotShownError
from ct_ac_sync.mapping.cart import to_cart
from ct_ac_sync.mapping.evaluate import Lookup, Scope
from ct_ac_sync.mapping.happening import Happening, page_of_cart, scope_of
from ct_ac_sync.mapping.product import contexts_of
from ct_ac_sync.mapping.rules import (
    automation_of,
    channel_of,
    ecommerce_of,
    is_declared_past,
    rules_for,
    tracking_of,
    value_of,
)
from ct_ac_sync.ports import Call, Destination, Herald, Json, Layout, Stream
from ct_ac_sync.store.deliveries import Deliveries
from ct_ac_sync.store.event_book import EventBook, Held
from ct_ac_sync.sync.consents import Consents
from ct_ac_sync.sync.desired import Parse
from ct_ac_sync.sync.provision import NOT_MADE
from ct_ac_sync.sync.references import References
from ct_ac_sync.sync.router import Router

log = structlog.get_logger()

#: What takes leave of a contact; whether it is still to be done, the store decides.
FAREWELLS = frozenset({Action.UNSUBSCRIBE, Action.DELETE_CONTACT})
#: How often a contact is looked for that is to be taken leave of: new ones are shown late.
LOOKS = 3
#: Clocks differ, and the other side's stamps have no fractions.
GRACE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """An event to be tracked: its name there, and its value with our mark."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    The next call that a fact needs.

    Attributes:
        fires: Whether it starts what may be started once.
        has_more: Whether another has to follow.
    """

    call: Call
    fires: bool = True
    has_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """
    What would follow of a fact.

    Attributes:
        what: What it comes to, in words: name and value, the automation, the cart.
        reason: Why nothing does; empty where something does.
        calls: All that would be sent for it.
    """

    what: str = ""
    reason: str = ""
    calls: tuple[Call, ...] = ()


#: What a fact comes to; a text says why it comes to nothing.
Wanted = Tracked | AutomationRule | EcommerceCart | str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meant:
    """
    What a fact comes to, and whose consent it needs.

    Attributes:
        channel: The channel that is asked; None of what is no message.
        lists: The lists that the person's route names.
    """

    wanted: Wanted
    channel: str | None = None
    lists: tuple[str, ...] = ()


class Facts:
    """The facts of one destination."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        configuration: Configuration,
        book: EventBook,
        deliveries: Deliveries,
        router: Router,
        references: References,
        parse: Parse,
        herald: Herald,
        consents: Consents,
    ) -> None:
        """*name* is what the tables know the destination by."""
        self._name = name
        self._destination = destination
        self._configuration = configuration
        self._book = book
        self._deliveries = deliveries
        self._router = router
        self._references = references
        self._parse = parse
        self._herald = herald
        self._consents = consents

    def is_halted(self, member: Member) -> bool:
        """Whether what *member* would start is halted until a human has looked."""
        return self._book.is_halted(self._name, member.trigger)

    def halt(self, member: Member, reason: str) -> None:
        """Halt what *member* would start, whoever it is for, until a human has looked."""
        if self._book.halt([(self._name, member.trigger)], reason=reason):
            log.error("trigger_halted", destination=self._name, trigger=member.trigger, reason=reason)
            self._herald.tell_halt(f"{self._name}/{member.trigger}", "trigger_halted")

    def next(self, member: Member, layout: Layout) -> Step | str:
        """
        Return the next call of *member*, or why nothing is to be done.

        Raises:
            ListMissingError: Whether its person may be sent to cannot be told: the account has no such list.
            SyncError: What it needs to know cannot be read now.
        """
        if (action := parse_fact(member.object).action) in FAREWELLS:
            return self._farewell(member, action)
        meant = self._meant(member)
        wanted = meant.wanted
        if isinstance(wanted, str):
            return wanted
        if member.address is None:
            return "no_address"
        if meant.channel is not None:
            verdict = self._consents.may_send(member, meant.channel, meant.lists)
            if verdict.action is not ConsentAction.LEAVE:
                return f"no_consent: {verdict.reason}"
        match wanted:
            case Tracked():
                return Step(
                    call=self._destination.prepare_tracking(
                        Address(member.address), wanted.name, wanted.value
                    )
                )
            case AutomationRule():
                return self._entry(member, wanted)
            case EcommerceCart():
                return self._cart(wanted, layout)

    def foresee(self, member: Member, layout: Layout) -> Foreseen:
        """
        Return all that would be sent for *member*, and change nothing.

        Of a contact that is not there yet its address stands for its id, and of an e-commerce
        customer 0.

        Raises:
            SyncError: What it needs to know cannot be read now.
        """
        if (action := parse_fact(member.object).action) in FAREWELLS:
            return self._foreseen_farewell(member, action)
        meant = self._meant(member)
        wanted = meant.wanted
        if isinstance(wanted, str):
            return Foreseen(reason=wanted)
        what = _told(wanted)
        if member.address is None:
            return Foreseen(what=what, reason="no_address")
        if meant.channel is not None:
            verdict = self._consents.may_send(member, meant.channel, meant.lists, is_foreseen=True)
            if verdict.action is not ConsentAction.LEAVE:
                return Foreseen(what=what, reason=f"no_consent: {verdict.reason}")
        match wanted:
            case Tracked():
                step = self._destination.prepare_tracking(Address(member.address), wanted.name, wanted.value)
                return Foreseen(what=what, calls=(step,))
            case AutomationRule():
                return self._foreseen_entry(member, wanted, what)
            case EcommerceCart():
                return self._foreseen_cart(wanted, layout, what)

    def _foreseen_farewell(self, member: Member, action: Action) -> Foreseen:
        try:
            step = self._farewell(member, action)
        except NotShownError:
            return Foreseen(reason="no_contact")
        return Foreseen(reason=step) if isinstance(step, str) else Foreseen(calls=(step.call,))

    def _foreseen_entry(self, member: Member, rule: AutomationRule, what: str) -> Foreseen:
        try:
            step = self._entry(member, rule)
        except (GoneError, NotShownError):
            contact = ContactId(member.address or "")
            step = Step(call=self._destination.prepare_automation(contact, rule.id))
        if isinstance(step, str):
            return Foreseen(what=what, reason=step)
        return Foreseen(what=what, calls=(step.call,))

    def _foreseen_cart(self, cart: EcommerceCart, layout: Layout, what: str) -> Foreseen:
        step = self._cart(cart, layout)
        if isinstance(step, str):
            return Foreseen(what=what, reason=step)
        if not step.has_more:
            return Foreseen(what=what, calls=(step.call,))
        connection = layout.connection_of(cart.connection)
        behind = self._destination.prepare_cart(cart, NOT_MADE, connection)
        return Foreseen(what=what, calls=(step.call, behind))

    def has_happened(self, member: Member, layout: Layout, *, since: datetime) -> bool:
        """
        Whether what was intended at *since* is there; that it is not shown is no proof.

        Raises:
            SyncError: It cannot be read now.
        """
        wanted = self._meant(member).wanted
        match wanted:
            case Tracked():
                mark = mark_of(member.source, parse_fact(member.object))
                return self._destination.has_tracked(self._contact(member), wanted.name, mark)
            case AutomationRule():
                entries = self._destination.fetch_entries(self._contact(member), wanted.id)
                # Another of our own proves nothing of this one.
                ours = self._deliveries.count_entered(member, wanted.id, since=since - GRACE)
                return sum(each.entered_at >= since - GRACE for each in entries) > ours
            case EcommerceCart():
                connection = layout.connection_of(wanted.connection)
                return self._destination.find_cart(wanted.cart_id, connection) is not None
            case _:
                return False

    # -- what is wanted ---------------------------------------------------------------

    def _meant(self, member: Member) -> _Meant:
        held = self._book.read(member.event) if member.event is not None else None
        if held is None or held.body is None:
            return _Meant(wanted="gone")
        fact = parse_fact(member.object)
        return self._references.settle(held.source, partial(self._mapped, member, fact, held, held.body))

    def _mapped(self, member: Member, fact: Fact, held: Held, body: Json, lookup: Lookup) -> _Meant:
        is_customer = held.event.stream == Stream.CUSTOMERS
        route = self._router.route_at(
            self._name, held.source, body, lookup, is_customer=is_customer, customer=held.customer
        )
        happening = Happening(event=held.event, source=held.source, body=body, customer=held.customer)
        if is_declared_past(self._configuration, happening, lookup):
            return _Meant(wanted="historical")
        rules = rules_for(self._configuration, happening, route, lookup)
        return _Meant(
            wanted=self._wanted(member, fact, happening, rules, route=route, lookup=lookup),
            channel=channel_of(rules, fact.action), lists=route.lists if route else (),
        )  # fmt: skip

    def _wanted(
        self,
        member: Member,
        fact: Fact,
        happening: Happening,
        rules: Sequence[EventRule],
        *,
        route: Route | None,
        lookup: Lookup,
    ) -> Wanted:
        match fact.action:
            case Action.TRACKING if (tracking := tracking_of(rules)) is not None:
                scope = scope_of(happening, config=self._configuration, route=route, lookup=lookup)
                mark = mark_of(member.source, fact)
                return Tracked(name=tracking.name, value=value_of(tracking, scope, mark))
            case Action.AUTOMATION if (automation := automation_of(rules)) is not None:
                return automation
            case Action.CART if ecommerce_of(rules) is not None:
                scope = scope_of(happening, config=self._configuration, route=route, lookup=lookup)
                connection = (route.connection if route else None) or happening.source
                return self._abandoned(member, happening, scope, connection)
            case _:
                return "no_rule"

    def _abandoned(
        self, member: Member, happening: Happening, scope: Scope, connection: str
    ) -> EcommerceCart | str:
        read = self._parse(Stream.CARTS, happening.body)
        cart = getattr(read, "value", None)
        if not isinstance(cart, Cart) or member.address is None:
            return "gone"
        config = self._configuration
        products = contexts_of(
            cart.line_items, config=config, lookup=scope.lookup, locale=cart.locale,
            roots={Root.CART: happening.body},
        )  # fmt: skip
        return to_cart(
            cart, Address(member.address), products=products,
            abandoned_at=happening.event.happened_at - config.idle_of(cart.store_key),
            connection=connection, url=page_of_cart(scope, config), fallbacks=config.profile.locales,
        )  # fmt: skip

    # -- leave ------------------------------------------------------------------------

    def _farewell(self, member: Member, action: Action) -> Step | str:
        """Return the next call that takes leave of a contact; none of one that is not there."""
        if member.contact is None and (member.address is None or member.attempts >= LOOKS):
            return "no_contact"
        contact = self._contact(member)
        if action is Action.DELETE_CONTACT:
            return Step(call=self._destination.prepare_deletion(contact), fires=False)
        try:
            lists = self._destination.fetch_memberships(contact)
        except GoneError:
            return "no_contact"
        if not lists:
            return "on_no_list"
        call = self._destination.prepare_unsubscription(contact, lists[0])
        return Step(call=call, fires=False, has_more=True)

    # -- calls ------------------------------------------------------------------------

    def _contact(self, member: Member) -> ContactId:
        """
        Return the contact's id; an import told nobody's.

        Raises:
            TransientError: The contact is not shown (yet).
        """
        if member.contact is not None:
            return ContactId(member.contact)
        seen = self._destination.find_contact(Address(member.address or ""))
        if seen is None:
            raise NotShownError("the contact is not shown (yet)", cause="contact_not_shown")
        return seen.contact

    def _entry(self, member: Member, rule: AutomationRule) -> Step | str:
        contact = self._contact(member)
        if rule.reentry is Reentry.NEVER and self._destination.fetch_entries(contact, rule.id):
            return "entered_before"
        return Step(call=self._destination.prepare_automation(contact, rule.id))

    def _cart(self, cart: EcommerceCart, layout: Layout) -> Step | str:
        connection = layout.connection_of(cart.connection)
        customers = self._destination.find_customers(cart.email, layout, cart.connection)
        ours = [each.customer for each in customers if each.external_id == cart.customer_id]
        customer = next(iter([*ours, *(each.customer for each in customers)]), None)
        if customer is None:
            call = self._destination.prepare_new_customer(cart.customer_id, cart.email, connection)
            return Step(call=call, fires=False, has_more=True)
        if self._destination.find_cart(cart.cart_id, connection) is not None:
            return "there_already"
        return Step(call=self._destination.prepare_cart(cart, customer, connection))


def _told(wanted: Tracked | AutomationRule | EcommerceCart) -> str:
    """Return what a fact comes to, in words."""
    match wanted:
        case Tracked(name=name, value=value):
            return f"{name}: {value}"
        case AutomationRule(id=id_):
            return f"automation {id_}"
        case EcommerceCart(cart_id=id_):
            return f"cart {id_}"
