"""An account: a destination with what is needed to write to it."""

from dataclasses import dataclass

from ct_ac_sync.ports import Destination
from ct_ac_sync.store.budget import Budget
from ct_ac_sync.sync.pacing import Pacing
from ct_ac_sync.sync.provision import Provision


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    A destination under the name that the tables know it by, with its own budget.

    Attributes:
        provision: Finds or makes the fields and connections that are written to.
    """

    name: str
    destination: Destination
    budget: Budget
    pacing: Pacing
    provision: Provision
