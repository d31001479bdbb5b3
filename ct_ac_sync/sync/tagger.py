"""The tagger of one destination: what of a contact's tags is to change, and the call for it."""

from dataclasses import dataclass

from ct_ac_sync.domain.delivery import Member
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.domain.tags import AddTag, RemoveTag, TagSet, changes_of, lacks_links
from ct_ac_sync.errors import GoneError, NotShownError
from ct_ac_sync.ports import Call, Destination
from ct_ac_sync.store.tag_book import TagBook

#: How often a contact is looked up before it counts as gone: searches may lag behind writes.
LOOKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPlan:
    """What is to change of the tags of *contact*, one call each."""

    contact: ContactId
    changes: tuple[AddTag | RemoveTag, ...]

    @property
    def has_additions(self) -> bool:
        """Whether any tag is to be added."""
        return any(isinstance(change, AddTag) for change in self.changes)


class Tagger:
    """Plans changes of tags from what is believed, and reads where that may not hold."""

    def __init__(self, *, name: str, destination: Destination, book: TagBook) -> None:
        """*name* is what the tables know the destination by."""
        self._name = name
        self._destination = destination
        self._book = book

    def plan(self, member: Member, wanted: TagSet, *, token: int) -> TagPlan | None:
        """
        Return what makes the contact's tags those *wanted*, None where they are; *token* is the claim's.

        Where nothing is in doubt, nobody is asked: after a first load all tags are as they shall be.

        Raises:
            GoneError: The contact is not there any more.
            SyncError: They could not be read, or the contact is not shown (yet).
        """
        known = self._book.read_tags(member.recipient)
        changes = changes_of(wanted, known.links)
        is_doubtful = member.is_repair or member.attempts > 0
        if not (changes or is_doubtful):
            return None
        contact = self._contact_of(member)
        if is_doubtful or not known.is_read or lacks_links(changes):
            links = {seen.name: seen.link for seen in self._destination.fetch_tags(contact)}
            self._book.write_tags(member.recipient, links, token=token)
            changes = changes_of(wanted, links)
        return TagPlan(contact=contact, changes=changes) if changes else None

    def prepare(self, plan: TagPlan) -> Call:
        """Return the call for the first change of *plan*; a tag that nobody has made yet is made."""
        change = plan.changes[0]
        if isinstance(change, RemoveTag):
            return self._destination.prepare_untag(change.link or "")
        return self._destination.prepare_tag(plan.contact, self._id_of(change.name))

    def forget(self, tag: str) -> None:
        """Look *tag* up anew: its id may be another's, or nobody's, by now."""
        self._book.write_tag(self._name, tag, None)

    def _contact_of(self, member: Member) -> ContactId:
        """Return the contact of a recipient; one that an import made may not be linked yet."""
        if member.contact is not None:
            return ContactId(member.contact)
        found = self._destination.find_contact(Address(member.address)) if member.address else None
        if found is None and member.attempts < LOOKS:
            raise NotShownError("the contact is not shown (yet)", cause="contact_not_shown")
        if found is None:
            raise GoneError("the contact is not there", cause="contact_gone")
        return found.contact

    def _id_of(self, tag: str) -> str:
        known = self._book.tag_id(self._name, tag)
        if known is None:
            known = self._destination.ensure_tag(tag)
            self._book.write_tag(self._name, tag, known)
        return known
