"""Which call carries what: the backlog decides, no timer does."""

from dataclasses import dataclass

from ct_ac_sync.domain.delivery import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizes:
    """
    When work is sent together, and how much of it.

    Attributes:
        import_from: Contacts due from which one import beats single calls: about five
            seconds' worth.  The vendor advises at least 10 a request.
        imported: Contacts in an import (vendor documentation: at most 250).
        import_bytes: Weight of an import (vendor documentation: at most 399,999 bytes).
        imports_outstanding: Imports accepted and not yet applied, per account.
        orders: Orders in one call; no maximum is documented, the vendor's plugin sends 30
            inside the document, and variables keep the document small.
        backfill_lane: From which lane on contacts always go by import.
    """

    import_from: int = 25
    imported: int = 250
    import_bytes: int = 380_000
    imports_outstanding: int = 2
    orders: int = 50
    backfill_lane: int = 3


def wants_import(head: Member, *, due: int, sizes: BatchSizes) -> bool:
    """
    Whether a contact goes by bulk import.

    One that was refused in company goes alone, by a single call, to be told why.
    """
    if head.batch_limit == 1:
        return False
    return head.lane >= sizes.backfill_lane or due >= sizes.import_from


def wants_order_batch(head: Member, *, due: int, sizes: BatchSizes) -> bool:
    """
    Whether an order waits for no one but takes others along.

    An order that may start automations goes alone unless the backlog is long: if its
    batch were refused, each of its companions would be unclear.
    """
    if head.batch_limit == 1:
        return False
    return due >= sizes.import_from if head.fires else due > 1
