"""The doors of tags, and of who has them."""

from ct_ac_sync.sandbox.activecampaign.account import Account
from ct_ac_sync.sandbox.activecampaign.doors.answers import (
    API,
    Routes,
    Row,
    compared,
    error,
    missing,
    page,
    part,
    ranked,
)
from ct_ac_sync.sandbox.activecampaign.tags import Tags
from ct_ac_sync.sandbox.service import Reply, Request

#: What only lists show of a tag or a link, by foreign taps.
LISTED = ("created_timestamp", "updated_timestamp", "created_by", "updated_by")


class TagDoors:
    """Endpoints over the tags of an account."""

    def __init__(self, account: Account, tags: Tags) -> None:
        self._account = account
        self._tags = tags

    def routes(self) -> Routes:
        """Return the doors."""
        tag = rf"{API}/tags/(\d+)"
        return (
            ("GET", f"{API}/tags", "list_tags", self.list_tags),
            ("POST", f"{API}/tags", "create_tag", self.create),
            ("GET", tag, "read_tag", self.read),
            ("PUT", tag, "update_tag", self.update),
            ("DELETE", tag, "delete_tag", self.delete),
            ("GET", f"{API}/contactTags", "list_tag_links", self.list_links),
            ("POST", f"{API}/contactTags", "add_tag", self.add),
            ("DELETE", rf"{API}/contactTags/(\d+)", "remove_tag", self.remove),
            ("GET", rf"{API}/contacts/(\d+)/contactTags", "list_contact_tags", self.list_of_contact),
        )

    # -- tags -------------------------------------------------------------------------

    def list_tags(self, request: Request) -> Reply:
        """List tags: *search* is contains, and a tag without a type is hidden."""
        rows = [row for row in self._account.tags.values() if row["tagType"]]
        if sought := request.first("search"):
            rows = [row for row in rows if sought.lower() in row["tag"].lower()]
        found = compared(request, rows, "search", "tag")
        shown, meta = page(request, ranked(request, found, "search", "tag"))
        return Reply(200, {"tags": shown, "meta": meta})

    def create(self, request: Request) -> Reply:
        """Create a tag; a name that there is gets the tag that has it, or is refused."""
        wanted = part(request, "tag")
        name, kind = str(wanted.get("tag") or "").strip(), str(wanted.get("tagType") or "")
        if not name:
            pointer = "/data/attributes/tag"
            return error(422, "The tag name was not provided.", code="field_missing", pointer=pointer)
        if "," in name:
            return error(422, "Tag names may not contain commas.", pointer="/data/attributes/tag")
        held = self._tags.named(name, kind)
        if held is None:
            made = self._tags.create(
                name, kind=kind, description=str(wanted.get("description") or ""), via="api"
            )
            return Reply(201, {"tag": _alone(made)})
        if self._account.switch("tag_again") == "existing":
            return Reply(200, {"tag": _alone(held)})
        fault = f"Duplicate entry '{kind}-{name}' for key 'typetag'"
        return Reply(422, {"message": "Could not process request", "error": fault})

    def read(self, request: Request) -> Reply:
        """Return one tag, with how many contacts have it."""
        row = self._account.tags.get(request.match[1])
        if row is None:
            return missing("Tag", request.match[1])
        count = sum(row["id"] in links for links in self._account.links_of.values())
        return Reply(200, {"tag": _alone(row) | {"subscriber_count": str(count)}})

    def update(self, request: Request) -> Reply:
        """Change a tag."""
        row = self._account.tags.get(request.match[1])
        if row is None:
            return missing("Tag", request.match[1])
        wanted = part(request, "tag")
        self._tags.change(row, {k: str(wanted[k]) for k in ("tag", "tagType", "description") if k in wanted})
        return Reply(200, {"tag": _alone(row)})

    def delete(self, request: Request) -> Reply:
        """Delete a tag."""
        row = self._account.tags.get(request.match[1])
        if row is None:
            return missing("Tag", request.match[1])
        self._tags.delete(row)
        return Reply(200, {})

    # -- who has them -----------------------------------------------------------------

    def list_links(self, request: Request) -> Reply:
        """List who has which tag."""
        shown, meta = page(request, self._tags.links())
        return Reply(200, {"contactTags": shown, "meta": meta})

    def list_of_contact(self, request: Request) -> Reply:
        """Return the tags of one contact: whether in pages is not documented."""
        id_ = request.match[1]
        if id_ not in self._account.contacts:
            return missing("Subscriber", id_)
        rows = list(self._account.links_of.get(id_, {}).values())
        if self._account.switch("contact_tags_paged"):
            rows, meta = page(request, rows)
            return Reply(200, {"contactTags": rows, "meta": meta})
        return Reply(200, {"contactTags": rows})

    def add(self, request: Request) -> Reply:
        """Add a tag to a contact by their ids; a name is none."""
        wanted = part(request, "contactTag")
        contact, tag = str(wanted.get("contact") or ""), str(wanted.get("tag") or "")
        refusal = self._refusal_of_add(contact, tag)
        if refusal is not None:
            return refusal
        row, is_new = self._tags.add(contact, tag, via="api")
        if not is_new and self._account.switch("tag_link_again") == "refused":
            return error(422, "The contact already has this tag", code="duplicate")
        status = int(self._account.switch("tag_link_status")) if is_new else 200
        return Reply(status, {"contactTag": _alone(row)})

    def _refusal_of_add(self, contact: str, tag: str) -> Reply | None:
        if not contact:
            row = {
                "status": 422,
                "title": "Missing attribute",
                "source": {"pointer": "/data/attributes/contact"},
            }
            return Reply(422, {"errors": [row]})
        if not tag.isdigit():
            return error(422, "No tag id provided", pointer="/data/attributes/tag")
        if contact not in self._account.contacts:
            return _not_found("Contact not found")
        if tag in self._account.tags:
            return None
        if self._account.switch("unknown_tag_status") == 404:
            return _not_found("Tag not found")
        title, pointer = "Related tag does not exist.", "/data/attributes/tag"
        return error(422, title, code="related_missing", pointer=pointer)

    def remove(self, request: Request) -> Reply:
        """Take a tag from a contact by their link."""
        if not self._tags.remove(request.match[1]):
            return missing("SubscriberTag", request.match[1])
        return Reply(200, {})


def _not_found(detail: str) -> Reply:
    return Reply(404, {"errors": [{"status": 404, "title": "Not Found", "detail": detail}]})


def _alone(row: Row) -> Row:
    """Return a row as it is shown alone."""
    return {k: v for k, v in row.items() if k not in LISTED}
