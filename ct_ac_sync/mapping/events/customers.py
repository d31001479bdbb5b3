"""What happened to customers."""

from ct_ac_sync.domain.customer import Customer
from ct_ac_sync.domain.event import Event, EventKind
from ct_ac_sync.mapping.events.sight import Sight
from ct_ac_sync.ports import Stream


def events_of_customer(
    before: Customer | None, after: Customer, *, sight: Sight, is_historical: bool
) -> tuple[Event, ...]:
    """Return that a customer signed up, who is seen for the first time; of an import it is historical."""
    if before is not None:
        return ()
    is_past = is_historical or after.is_imported
    event = Event(
        kind=EventKind.SIGNED_UP,
        key=after.id,
        happened_at=after.created_at,
        stream=Stream.CUSTOMERS.value,
        id=after.id,
    )
    return (sight.of_event(event, is_historical=is_past),)
