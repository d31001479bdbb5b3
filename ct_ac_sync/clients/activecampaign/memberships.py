"""Reads where a contact stands with lists, so that each membership is changed knowingly, by a call of its own."""

from collections.abc import Mapping
from typing import Any

from ct_ac_sync.clients.activecampaign.paging import PAGE, Load, pages
from ct_ac_sync.clients.activecampaign.proof import undocumented
from ct_ac_sync.domain.consent import Membership, Standing
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.ports import Exclusion, MembershipPage, MembershipSeen
from ct_ac_sync.schemas.activecampaign.memberships import ExclusionsAnswerSchema, MembershipsAnswerSchema

#: Status of a membership: of one to be confirmed yet, of one that is, and of one that has ended
#: (vendor documentation and enumeration of the vendor's own client).
UNCONFIRMED, ACTIVE, UNSUBSCRIBED, BOUNCED = "0", "1", "2", "3"
#: What the vendor asks for where somebody who had left is subscribed again (vendor documentation, Contact lists).
RESUBSCRIBED = 4
STANDINGS: Mapping[str, Standing] = {
    UNCONFIRMED: Standing.UNCONFIRMED, ACTIVE: Standing.ACTIVE, UNSUBSCRIBED: Standing.UNSUBSCRIBED,
    BOUNCED: Standing.BOUNCED,
}  # fmt: skip
OPERATION = "list_contact_lists"

_MEMBERSHIPS, _EXCLUSIONS = MembershipsAnswerSchema(), ExclusionsAnswerSchema()


def fetch_memberships(load: Load, contact: ContactId) -> tuple[str, ...]:
    """
    Return the ids of the lists that the contact is on, or will be once it confirms, by number.

    Raises:
        GoneError: There is no such contact.
    """
    on = (Standing.UNCONFIRMED, Standing.ACTIVE)
    held = [list_ for list_, each in fetch_standings(load, contact).items() if each.standing in on]
    return tuple(sorted(held, key=lambda id_: (len(id_), id_)))


def fetch_standings(load: Load, contact: ContactId) -> dict[str, Membership]:
    """
    Return where the contact stands with each list it ever was on, by the lists' ids.

    Raises:
        GoneError: There is no such contact.
        ServerError: A membership has a status that nobody documented.
    """
    path = f"/contacts/{contact}/contactLists"
    bodies = pages(load, _MEMBERSHIPS, path, operation=OPERATION, rows="memberships")
    return {str(row["list_"]): _membership(row) for body in bodies for row in body["memberships"]}


def page_memberships(load: Load, offset: int) -> MembershipPage:
    """
    Return a page of all memberships of the account from *offset*, and where the next begins.

    Raises:
        ServerError: A membership has a status that nobody documented.
    """
    params = {"limit": str(PAGE), "offset": str(offset)}
    body = load(_MEMBERSHIPS, "/contactLists", params, "list_memberships")
    rows = body["memberships"]
    seen = tuple(MembershipSeen(str(row["contact"]), str(row["list_"]), _membership(row)) for row in rows)
    return MembershipPage(seen, offset + len(rows) if len(rows) >= PAGE else 0)


def fetch_exclusions(load: Load) -> tuple[Exclusion, ...]:
    """Return all addresses that the account excludes from what is sent (vendor documentation, Exclusions)."""
    operation = "list_exclusions"
    bodies = pages(load, _EXCLUSIONS, "/lists/exclusions", operation=operation, rows="exclusions")
    return tuple(
        Exclusion(
            phrase=row["phrase"].strip().lower(), match=row["match"], channel=row["channel"],
            lists=tuple(map(str, row["lists"])),
        )
        for body in bodies
        for row in body["exclusions"]
        if row["phrase"].strip()
    )  # fmt: skip


def _membership(row: Mapping[str, Any]) -> Membership:
    standing = STANDINGS.get(str(row["status"]))
    if standing is None:
        raise undocumented(OPERATION)
    return Membership(standing=standing, joined_at=row["joined_at"], left_at=row["left_at"])
