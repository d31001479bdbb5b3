"""What one commit accepts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ct_ac_sync.domain.message import Message
from ct_ac_sync.ports import Record, Stream, Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """
    A record as it arrives, with what the engine must know of it.

    Attributes:
        address: E-mail in normal form, if it has one.
        customer_id: Of an order, a cart or a shopping list: whose it is.
        starts_nothing: Should it be seen for the first time now, then nobody is to be told:
            it was imported, or is over already.
        destinations: Where it goes; nowhere, if no route takes it.
        value: What its body says.
    """

    stream: Stream
    id: str
    version: int
    created_at: datetime
    last_modified_at: datetime
    address: str | None
    customer_id: str | None
    starts_nothing: bool
    destinations: Sequence[str]
    body: Mapping[str, Any] = field(repr=False)
    value: Record | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    What one commit accepts: records, what could not be read, and who is known to be gone.

    Attributes:
        answered_at: The source's own time of it.
    """

    arrivals: Sequence[Arrival] = ()
    messages: Sequence[Message] = ()
    unreadable: Sequence[Unreadable] = ()
    gone: Mapping[Stream, Sequence[str]] = field(default_factory=dict)
    answered_at: datetime | None = None
