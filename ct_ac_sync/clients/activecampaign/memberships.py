"""Reads which lists a contact is on, so that each membership can be ended by a call of its own."""

from ct_ac_sync.clients.activecampaign.paging import Load, pages
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.schemas.activecampaign.memberships import MembershipsAnswerSchema

#: Status of a membership: of one to be confirmed yet, of one that is, and of one that has ended
#: (vendor documentation and enumeration of the vendor's own client).
UNCONFIRMED, ACTIVE, UNSUBSCRIBED = "0", "1", "2"

_MEMBERSHIPS = MembershipsAnswerSchema()


def fetch_memberships(load: Load, contact: ContactId) -> tuple[str, ...]:
    """
    Return the ids of the lists that the contact is on, or will be once it confirms, by number.

    Raises:
        GoneError: There is no such contact.
    """
    path = f"/contacts/{contact}/contactLists"
    bodies = pages(load, _MEMBERSHIPS, path, operation="list_contact_lists", rows="memberships")
    held = {
        str(row["list_"]) for body in bodies for row in body["memberships"]
        if str(row["status"]) in (UNCONFIRMED, ACTIVE)
    }  # fmt: skip
    return tuple(sorted(held, key=lambda id_: (len(id_), id_)))
