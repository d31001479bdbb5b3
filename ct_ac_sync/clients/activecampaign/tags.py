"""
Finds and makes tags, and says what a contact's tags are called.

The vendor's search is *contains*, a filter that it does not understand is passed over,
names know no case, and making a name that exists is answered with the tag that has it,
or refused.  So every name that comes back is compared here, and whatever was unclear is
looked up again.
"""

import time
import unicodedata
from collections.abc import Callable, Collection
from contextlib import suppress

from marshmallow import ValidationError

from ct_ac_sync.clients.activecampaign.paging import PAGE, Load, Write, pages
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.errors import GoneError, PayloadError, ServerError, SyncError, UnclearError
from ct_ac_sync.ports import TagSeen
from ct_ac_sync.schemas.activecampaign.inbound import (
    TagAnswerSchema,
    TagLinksAnswerSchema,
    TagsAnswerSchema,
)

#: What is known of tags is asked anew after this long: people rename and delete them.
KNOWN_SECONDS = 600.0
#: Beside these the vendor has tags of templates, with names of their own.
KIND = "contact"

_TAGS, _TAG, _LINKS = TagsAnswerSchema(), TagAnswerSchema(), TagLinksAnswerSchema()


class Tags:
    """The tags of one account, remembered for a while."""

    def __init__(self, load: Load, write: Write, *, now: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._write = write
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Ask anew what tags there are."""
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._since = self._now()

    def ensure(self, name: str) -> str:
        """
        Return the id of the tag *name*, which is made where there is none.

        Raises:
            PayloadError: No tag can be called that.
            ServerError: Whether it was made is not certain; asking again is safe.
        """
        wanted = name.strip()
        if not wanted or "," in wanted:
            raise PayloadError("a tag has a name, without a comma", cause="tag_name")
        self._forget_what_is_old()
        if wanted.lower() not in self._ids:
            self._ids[wanted.lower()] = self._find(wanted) or self._create(wanted)
        return self._ids[wanted.lower()]

    def fetch(self, contact: ContactId) -> tuple[TagSeen, ...]:
        """Return the tags of *contact*; one that is deleted meanwhile is none."""
        self._forget_what_is_old()
        path = f"/contacts/{contact}/contactTags"
        bodies = pages(self._load, _LINKS, path, operation="list_contact_tags", rows="links")
        links = {row["tag"]: row["id"] for body in bodies for row in body["links"]}
        self._learn(links)
        known = self._names
        return tuple(TagSeen(link=links[tag], tag=tag, name=known[tag]) for tag in links if tag in known)

    def _forget_what_is_old(self) -> None:
        if self._now() - self._since >= KNOWN_SECONDS:
            self.forget()

    def _find(self, name: str) -> str | None:
        params = {"filters[search][eq]": name}
        ids = [
            row["id"]
            for body in pages(self._load, _TAGS, "/tags", operation="list_tags", rows="tags", params=params)
            for row in body["tags"]
            if row["type"] == KIND and row["name"].strip().lower() == name.lower()
        ]
        return min(ids, key=int) if ids else None

    def _create(self, name: str) -> str:
        """Make a tag of contacts: without its type it would be hidden from listings."""
        fault: SyncError
        try:
            body = self._write(
                "/tags", {"tag": {"tag": name, "tagType": KIND, "description": ""}}, "create_tag"
            )
            made = _TAG.load(body)["tag"]
            if _is_same_there(made["name"], name):
                return str(made["id"])
            fault = ServerError("ActiveCampaign answers with another tag", cause="create_tag: another tag")
        except (UnclearError, ValidationError):
            fault = ServerError("ActiveCampaign may have made a tag", cause="create_tag: unclear")
        except PayloadError as error:
            fault = error
        if (found := self._find(name)) is None:
            raise fault
        return found

    def _learn(self, tags: Collection[str]) -> None:
        """Learn what tags are called, by what takes fewer calls: all pages, or each by its id."""
        unknown, left, seen = set(tags) - self._names.keys(), 1, 0
        listing = pages(self._load, _TAGS, "/tags", operation="list_tags", rows="tags")
        while left < len(unknown) and (body := next(listing, None)) is not None:
            self._names |= {row["id"]: row["name"] for row in body["tags"]}
            unknown -= self._names.keys()
            seen += len(body["tags"])
            left = -((seen - (body["total"] or 0)) // PAGE)
        for id_ in sorted(unknown, key=int):
            with suppress(GoneError):
                self._names[id_] = self._load(_TAG, f"/tags/{id_}", {}, "read_tag")["tag"]["name"]


def _is_same_there(one: str, other: str) -> bool:
    """Whether the vendor may take two names for one: its database is not known to tell accents apart."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(each for each in letters if not unicodedata.combining(each))
