"""
What happened to shopping lists: somebody who is known put a product on one.

A list of an anonymous session is nobody's until it names a customer; then what is on it counts
as put there.  A greater quantity is no other intent, and what is taken off tells nothing: a line
that is put there again is another line (vendor documentation, Shopping Lists).
"""

from datetime import datetime

from ct_ac_sync.domain.event import Event, EventItem, EventKind
from ct_ac_sync.domain.shopping_list import ListItem, ShoppingList
from ct_ac_sync.mapping.events.sight import Sight, details_of
from ct_ac_sync.ports import Stream


def events_of_list(
    before: ShoppingList | None, after: ShoppingList, *, sight: Sight, is_historical: bool
) -> tuple[Event, ...]:
    """
    Return what was put on a list between two of its versions.

    A list may be far older than the first sight of it; each line says since when it is there, and
    is of the past by that.

    Args:
        before: None where it is seen for the first time.
        is_historical: Whether all that is found is of the past.
    """
    if after.customer_id is None:
        return ()
    is_known = before is not None and before.customer_id is not None
    known = {each.id for each in before.items} if before is not None and is_known else set()
    is_past = is_historical or (before is None and after.is_imported)
    return tuple(
        sight.of_event(_event(after, each, _moment(before, after, each)), is_historical=is_past or _is_old(each, sight))
        for each in after.items
        if each.id not in known
    )  # fmt: skip


def _moment(before: ShoppingList | None, after: ShoppingList, item: ListItem) -> datetime:
    """
    Return when a line was put on the list of whoever it is now.

    What a line says of it may be made up, or taken over from another list: it was not before the
    version that lacks it, nor after the one that has it.  Of a list that was nobody's it is when
    that changed.
    """
    if before is None:
        return max(after.created_at, min(item.added_at, after.last_modified_at))
    if before.customer_id is None:
        return after.last_modified_at
    return max(before.last_modified_at, min(item.added_at, after.last_modified_at))


def _is_old(item: ListItem, sight: Sight) -> bool:
    return sight.cutover is not None and item.added_at < sight.cutover


def _event(after: ShoppingList, item: ListItem, at: datetime) -> Event:
    """Return that an item was added; it keeps its product, for the line may be taken off again."""
    return Event(
        kind=EventKind.LIST_ITEM_ADDED,
        key=f"{after.id}/{item.id}",
        happened_at=at,
        stream=Stream.SHOPPING_LISTS.value,
        id=after.id,
        items=(EventItem(item.id, item.quantity),),
        details=details_of(product=item.product_id, variant=item.variant_id),
    )
