"""What Commercetools tells us of a custom object: a value that a shop keeps by a name of its own."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomObject:
    """
    A custom object at one version; what its value says, the configuration knows.

    Attributes:
        container, key: Its name; one that is deleted and made again has another id.
    """

    id: str
    version: int
    created_at: datetime
    last_modified_at: datetime
    container: str
    key: str
    is_imported: bool = False

    @property
    def email(self) -> None:
        """None: whose it is, the configuration says."""
        return
