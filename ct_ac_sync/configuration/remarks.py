"""What a file may say, and is worth a second look."""

from collections.abc import Iterator

from ct_ac_sync.configuration.expression import Expression, did_you_mean
from ct_ac_sync.configuration.faults import Fault, shown
from ct_ac_sync.configuration.places import KeyPath
from ct_ac_sync.configuration.schema.commerce import STATES
from ct_ac_sync.configuration.values import Condition, Configuration, Purpose
from ct_ac_sync.domain.consent import Owner

#: Channels of which ActiveCampaign's orders can say something (vendor documentation, Orders).
ON_ORDERS = ("email", "sms")


def remarks(configuration: Configuration) -> Iterator[Fault]:
    """Give what is odd, by its place in the file."""
    yield from _routes(configuration)
    yield from _tags(configuration)
    yield from _states(configuration)
    yield from _consent(configuration)


def _routes(configuration: Configuration) -> Iterator[Fault]:
    routes = configuration.routes
    if all(route.when != Condition() for route in routes):
        yield Fault(
            ("routes",), "no route takes what no other does: such records stay here, and are skipped as such"
        )
    used = {route.destination for route in routes}
    for destination in configuration.destinations:
        if destination.name not in used:
            yield Fault(("destinations", destination.name), "no route leads here")
    joined = {key for route in routes for key in route.lists}
    for each in configuration.lists:
        if each.key not in joined:
            yield Fault(("lists", each.key), "no route names this list")


def _consent(configuration: Configuration) -> Iterator[Fault]:
    """Give channels that decide on nothing, lists on which nothing decides, and words that never count."""
    asked = {each.channel for each in configuration.consent}
    used = {each.channel for each in configuration.lists}
    used |= {rule.channel for rule in configuration.events if rule.purpose is Purpose.MARKETING}
    for consent in configuration.consent:
        if consent.channel not in used:
            question = did_you_mean(consent.channel, sorted(used))
            yield Fault(
                ("consent", consent.channel),
                f"no list and no rule of [[events]] is of this channel{question}",
            )
        if consent.on_orders and consent.channel not in ON_ORDERS:
            yield Fault(
                ("consent", consent.channel, "on_orders"),
                f"orders can say it of {' and '.join(ON_ORDERS)} alone",
            )
        if consent.policy.owner is Owner.ACTIVECAMPAIGN and consent.policy.past_counts:
            yield Fault(
                ("consent", consent.channel, "past_counts"),
                "ActiveCampaign owns this channel: nothing that the shop says counts, of the past neither",
            )
    if asked:
        for each in configuration.lists:
            if each.channel not in asked:
                yield Fault(
                    ("lists", each.key), f"there is no [consent.{each.channel}]: nobody is put on this list"
                )


def _tags(configuration: Configuration) -> Iterator[Fault]:
    """
    Give the rules whose tags would never be removed.

    Tags that differ in case only are one tag (vendor documentation, Tags).
    """
    owned = tuple(each.casefold() for each in configuration.tags.owned)
    prefixes = {route.tag_prefix.casefold() for route in configuration.routes if route.destination}
    for place, name in _removed(configuration):
        begins = _beginning(name)
        if begins is None:
            continue
        for prefix in prefixes:
            tag = prefix + begins.casefold()
            if not tag.startswith(owned):
                yield Fault(
                    place,
                    f"a tag that begins with {shown(tag)} begins with none of tags.owned:"
                    " it is given, and never removed",
                )
                break


def _removed(configuration: Configuration) -> Iterator[tuple[KeyPath, Expression]]:
    """Give the names of tags that people may lose again: one since an event only where it is for some days."""
    for number, rule in enumerate(configuration.tags.rules):
        yield ("tags", "rules", number, "name"), rule.name
    for number, event in enumerate(configuration.events):
        for at, tag in enumerate(event.tags):
            if tag.days is not None:
                yield ("events", number, "tags", at, "name"), tag.name


def _beginning(name: Expression) -> str | None:
    """Return the text that each tag of a rule begins with; None where a value decides."""
    if name.constant is not None:
        return name.constant
    return name.template[0] if name.template and isinstance(name.template[0], str) else None


def _states(configuration: Configuration) -> Iterator[Fault]:
    """Give states that the vendor does not document; it may add some at any time."""
    for number, rule in enumerate(configuration.orders.statuses):
        for key, known in STATES.items():
            for state in getattr(rule, key):
                if state not in known:
                    question = did_you_mean(state, known)
                    yield Fault(
                        ("orders", "statuses", number, key),
                        f"Commercetools documents no such state: {shown(state)}{question}",
                    )
