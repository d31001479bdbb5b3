"""What a message of Commercetools says: that something happened to a resource, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A message.

    Attributes:
        type: Such as ``OrderStateChanged``; there are ones that we do not know.
        resource_kind, resource_id: What it is about: "order", "customer", "payment" and others.
        sequence: Its place among the messages of its resource, from 1; None where it has none.
        payload: What it says besides; empty where the source left it out, which it may.
    """

    id: str
    version: int
    created_at: datetime
    last_modified_at: datetime
    type: str
    resource_kind: str
    resource_id: str
    resource_version: int
    sequence: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    is_imported: bool = False

    @property
    def email(self) -> None:
        """None: nobody is known by a message."""
        return
