"""Tags of an account, and which contacts have them."""

from collections.abc import Mapping
from typing import Any

from ct_ac_sync.sandbox.activecampaign.account import Account, plain_stamps
from ct_ac_sync.sandbox.activecampaign.values import stamp

Row = dict[str, Any]

CONTACT = "contact"


class Tags:
    """The tags of one account; a name is unique among those of one type, whatever its case."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def named(self, name: str, kind: str = CONTACT) -> Row | None:
        """Return the tag of a type with a name."""
        wanted = (name.strip().lower(), kind)
        rows = self._account.tags.values()
        return next((row for row in rows if (row["tag"].lower(), row["tagType"]) == wanted), None)

    def create(self, name: str, *, kind: str = CONTACT, description: str = "", via: str) -> Row:
        """Create a tag."""
        row = {
            "id": self._account.next_id("tag"), "tagType": kind, "tag": name.strip(),
            "description": description, "cdate": stamp(), "links": {}, **plain_stamps(),
        }  # fmt: skip
        self._account.tags[row["id"]] = row
        self._account.note("tag_created", tag=row["id"], name=row["tag"], type=kind, via=via)
        return row

    def change(self, row: Row, values: Mapping[str, str]) -> None:
        """Change a tag: whoever has it has it under its new name."""
        before = row["tag"]
        row |= values
        self._account.note("tag_changed", tag=row["id"], before=before, after=row["tag"])

    def delete(self, row: Row) -> None:
        """Delete a tag, and take it from everybody."""
        del self._account.tags[row["id"]]
        for links in self._account.links_of.values():
            links.pop(row["id"], None)
        self._account.note("tag_deleted", tag=row["id"], name=row["tag"])

    def links(self) -> list[Row]:
        """Return who has which tag, by id."""
        rows = [link for links in self._account.links_of.values() for link in links.values()]
        return sorted(rows, key=lambda row: int(row["id"]))

    def add(self, contact: str, tag: str, *, via: str, is_quiet: bool = False) -> tuple[Row, bool]:
        """Give a tag to a contact, and say whether that is news; a tag starts automations."""
        links = self._account.links_of.setdefault(contact, {})
        if tag in links:
            return links[tag], False
        row = {
            "id": self._account.next_id("contactTag"), "contact": contact, "tag": tag, "cdate": stamp(),
            "links": {}, **plain_stamps(),
        }  # fmt: skip
        links[tag] = row
        name = self._account.tags[tag]["tag"]
        self._account.note("tag_added", contact=contact, tag=tag, name=name, link=row["id"], via=via)
        if not is_quiet:
            self._account.start_automation("tag_added", contact=contact, order=None, source=None, tag=name)
        return row, True

    def remove(self, link: str) -> bool:
        """Take a tag from a contact by their link; return whether there was one."""
        row = next((each for each in self.links() if each["id"] == link), None)
        if row is None:
            return False
        del self._account.links_of[row["contact"]][row["tag"]]
        name = self._account.tags[row["tag"]]["tag"]
        self._account.note("tag_removed", contact=row["contact"], tag=row["tag"], name=name, link=link)
        return True

    def add_named(self, contact: str, name: str, *, is_quiet: bool) -> None:
        """Give a tag by its name, made where there is none, as an import does; a comma ends a name."""
        for each in filter(None, (part.strip() for part in name.split(","))):
            row = self.named(each) or self.create(each, via="import")
            self.add(contact, row["id"], via="import", is_quiet=is_quiet)
