"""The client of ActiveCampaign without an account: pages, layouts, names, and what answers prove."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from ct_ac_sync.clients.activecampaign.classify import TAG_GONE, error_of, is_as_wanted
from ct_ac_sync.clients.activecampaign.paging import pages
from ct_ac_sync.clients.activecampaign.proof import answer_of
from ct_ac_sync.clients.activecampaign.tags import Tags
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.domain.identity import Address, ContactId
from ct_ac_sync.errors import (
    GoneError,
    PayloadError,
    ProvisioningError,
    ServerError,
    SyncError,
    TransientError,
    UnclearError,
)
from ct_ac_sync.ports import Call, CallKind, ContactWritten, Layout, TagRemoved, TagWritten, ValueCleared
from ct_ac_sync.schemas.activecampaign.inbound import TagsAnswerSchema

SCHEMA = TagsAnswerSchema()
ADD = Call(
    kind=CallKind.ADD_TAG, method="POST", path="/contactTags",
    body={"contactTag": {"contact": "7", "tag": "3"}},
)  # fmt: skip


def answered(status: int, body: Any) -> Response:
    """Return an answer; bytes go as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=CaseInsensitiveDict({}), body=raw)


def refused(**row: Any) -> Any:
    """Return a refusal in the vendor's envelope."""
    return {"errors": [row]}


class Listing:
    """An account's list of tags: how many there are, how many a page holds, whether it says so."""

    def __init__(self, rows: int, *, page: int, tells_total: bool, is_paged: bool = True) -> None:
        self.calls = 0
        self._rows = [{"id": str(n), "tag": f"tag {n}", "tagType": "contact"} for n in range(1, rows + 1)]
        self._page, self._tells_total, self._is_paged = page, tells_total, is_paged

    def load(self, schema: Any, path: str, params: Mapping[str, str], operation: str) -> Any:
        """Return a page as the account gives it."""
        self.calls += 1
        start, limit = int(params["offset"]), min(int(params["limit"]), self._page)
        rows = self._rows[start : start + limit] if self._is_paged else self._rows
        meta = {"total": str(len(self._rows))} if self._tells_total else {}
        return schema.load({"tags": rows, "meta": meta})


class TestPages:
    @given(st.integers(0, 260), st.integers(1, 100))
    def test_every_row_comes_once(self, rows: int, page: int):
        """However small the pages are that an account gives, all rows come, each once, without a call too many."""
        listing = Listing(rows, page=page, tells_total=True)

        ids = [
            row["id"]
            for body in pages(listing.load, SCHEMA, "/tags", operation="x", rows="tags")
            for row in body["tags"]
        ]

        assert ids == [str(n) for n in range(1, rows + 1)]
        assert listing.calls == max(1, -(-rows // page))

    @given(st.integers(0, 260))
    def test_a_list_without_a_total_is_read_until_a_page_is_short(self, rows: int):
        """Where the account does not say how many there are, a page that is not full is the last."""
        listing = Listing(rows, page=100, tells_total=False)

        found = sum(
            len(body["tags"]) for body in pages(listing.load, SCHEMA, "/tags", operation="x", rows="tags")
        )

        assert (found, listing.calls) == (rows, rows // 100 + 1)

    @pytest.mark.parametrize("tells_total", [True, False])
    def test_a_list_that_has_no_pages_ends(self, *, tells_total: bool):
        """An account that gives all rows whatever is asked is not asked for ever, nor a row taken twice."""
        listing = Listing(150, page=100, tells_total=tells_total, is_paged=False)

        bodies = list(pages(listing.load, SCHEMA, "/tags", operation="x", rows="tags"))

        assert [len(body["tags"]) for body in bodies] == [150]
        assert listing.calls <= 2

    @pytest.mark.parametrize(
        ("meta", "total"),
        [
            ({"total": 3}, 3),
            ({"total": "3"}, 3),
            ({}, None),
            (None, None),
            ([], None),
            ({"total": "x"}, None),
        ],
    )
    def test_a_total_is_a_text_or_a_number(self, meta: Any, total: int | None):
        """The vendor writes a total in both ways, and one that cannot be read is none."""
        assert SCHEMA.load({"tags": [], "meta": meta})["total"] == total


class TestLayout:
    LAYOUT = Layout(fields={}, connection="1", connections={"shop": "1", "shop-de": "2"})

    @pytest.mark.parametrize(("name", "id_"), [(None, "1"), ("shop", "1"), ("shop-de", "2")])
    def test_a_connection_is_known_by_name(self, name: str | None, id_: str):
        """Where none is named, the default one is meant."""
        assert self.LAYOUT.connection_of(name) == id_

    @pytest.mark.parametrize("layout", [LAYOUT, Layout(fields={}, connection="1")])
    def test_an_unknown_one_is_not_the_default(self, layout: Layout):
        """A name that is not provisioned is refused, also where an older release kept no names."""
        with pytest.raises(ProvisioningError) as caught:
            layout.connection_of("shop-fr")

        assert caught.value.cause == "connection_missing"


class TestTagAnswers:
    @pytest.mark.parametrize(
        ("operation", "status", "body", "is_wanted"),
        [
            ("remove_tag", 404, {"message": "No Result found for SubscriberTag with id 1"}, True),
            ("remove_tag", 404, refused(status=404, title="Not Found"), True),
            ("remove_tag", 404, b"<html>no such page</html>", False),
            ("remove_tag", 404, {}, False),
            ("remove_tag", 403, {"message": "Forbidden"}, False),
            ("add_tag", 422, refused(title="x", code="duplicate"), True),
            ("add_tag", 409, {"message": "The contact already has this tag"}, True),
            ("add_tag", 422, {"message": "Could not process request", "error": "Duplicate entry"}, False),
            ("add_tag", 422, refused(title="No tag id provided"), False),
            ("add_tag", 404, refused(status=404, title="Not Found", detail="Contact not found"), False),
            ("update_contact", 404, {"message": "No Result found for Subscriber with id 1"}, False),
            ("update_contact", 422, refused(title="x", code="duplicate"), False),
        ],
    )  # fmt: skip
    def test_a_refusal_may_say_that_all_is_as_wanted(
        self, *, operation: str, status: int, body: Any, is_wanted: bool
    ):
        """A link that is gone and a tag that is there need no call, and nothing else is taken for that."""
        assert is_as_wanted(answered(status, body), operation=operation) is is_wanted

    @pytest.mark.parametrize(
        ("status", "body", "kind", "cause"),
        [
            (404, refused(status=404, title="Not Found", detail="Contact not found"), GoneError, "add_tag: not_found"),
            (404, refused(status=404, title="Not Found", detail="Tag not found"), TransientError, TAG_GONE),
            (404, {"message": "No Result found for Subscriber with id 7"}, GoneError, "add_tag: no_result_found_for_subscriber_with_id_7"),
            (
                422, refused(title="x", code="related_missing", source={"pointer": "/data/attributes/tag"}),
                TransientError, TAG_GONE,
            ),
            (
                422, refused(title="x", code="related_missing", source={"pointer": "/data/attributes/contact"}),
                PayloadError, "add_tag: related_missing",
            ),
            (422, refused(title="No tag id provided"), PayloadError, "add_tag: no_tag_id_provided"),
            (404, b"<html></html>", GoneError, "add_tag: 404"),
            (502, b"", UnclearError, "add_tag: 502"),
        ],
    )  # fmt: skip
    def test_a_tag_that_is_gone_is_told_from_a_contact_that_is(
        self, status: int, body: Any, kind: type[SyncError], cause: str
    ):
        """A deleted tag is made again, a deleted contact is not there, and a bad payload is buried."""
        error = error_of(answered(status, body), operation="add_tag", is_write=True)

        assert (type(error), error.cause) == (kind, cause)

    def test_an_added_tag_is_proven_by_its_link(self):
        """The answer names contact and tag as they were sent, and the link that removes it."""
        body = {"contactTag": {"id": "9", "contact": "7", "tag": "3", "cdate": "2026-01-01T00:00:00-06:00"}}

        assert answer_of(ADD, body, answered(201, body)) == TagWritten("9")

    @pytest.mark.parametrize(
        "body",
        [
            {}, {"contactTag": None}, {"contactTag": {"id": "9", "contact": "7"}},
            {"contactTag": {"id": "9", "contact": "8", "tag": "3"}},
            {"contactTag": {"id": "9", "contact": "7", "tag": "4"}},
        ],
    )  # fmt: skip
    def test_another_answer_proves_nothing(self, body: Any):
        """A good status with a link of somebody else, or without one, is unclear."""
        with pytest.raises(UnclearError):
            answer_of(ADD, body, answered(201, body))

    def test_an_empty_object_proves_a_removal(self):
        """The documented answer to a removal has nothing in it."""
        call = Call(kind=CallKind.REMOVE_TAG, method="DELETE", path="/contactTags/9", body={})

        assert answer_of(call, {}, answered(200, {})) == TagRemoved()


class _Names:
    """An account that makes tags, and tells names apart as its database does."""

    def __init__(self, **made: str) -> None:
        self.made = dict(made)

    def write(self, path: str, body: Any, operation: str) -> Any:
        """Make a tag, or answer with the one that has the name."""
        name = body["tag"]["tag"]
        id_ = self.made.setdefault(name.lower(), str(len(self.made) + 1))
        return {"tag": {"id": id_, "tag": name, "tagType": "contact"}}

    def load(self, schema: Any, path: str, params: Any, operation: str) -> Any:
        """Show nothing: what was made is known by the answers alone."""
        return {"tags": [], "total": 0}


class TestTagNames:
    @given(
        st.lists(
            st.text(st.characters(exclude_categories=("Cs",), exclude_characters=","), min_size=1), max_size=4
        )
    )
    def test_names_that_differ_only_in_case_are_one(self, names: list[str]):
        """As many tags are known as there are names, without regard to case and outer space."""
        account = _Names()
        tags = Tags(account.load, account.write)
        wanted = [name for name in names if name.strip()]

        ids = [tags.ensure(name) for name in [*wanted, *map(str.strip, wanted)]]

        assert len(set(ids)) == len({name.strip().lower() for name in wanted})

    @pytest.mark.parametrize("theirs", ["Café", "Cafe", "CAFE\u0301", "cafe "])
    def test_the_account_may_take_two_spellings_for_one(self, theirs: str):
        """A database that tells no accents apart answers with the tag that has the name there."""
        tags = Tags(_Names().load, lambda *_: {"tag": {"id": "5", "tag": theirs, "tagType": "contact"}})

        assert tags.ensure("Café") == "5"

    @pytest.mark.parametrize(
        "body",
        [{}, {"tag": {}}, {"tag": {"id": "5", "tag": "VIP-old"}}, {"tag": {"id": "5"}}],
    )
    def test_another_tag_is_no_answer(self, body: Any):
        """A good status with another tag in it, or none, is looked up and else tried again."""
        tags = Tags(_Names().load, lambda *_: body)

        with pytest.raises(ServerError):
            tags.ensure("VIP")


def written(**values: str) -> Call:
    """Return a contact call that sends *values* by the ids of their fields, as ``f3``."""
    rows = [{"field": name.removeprefix("f"), "value": value} for name, value in values.items()]
    body = {"contact": {"email": "ann@example.org", "fieldValues": rows}}
    return Call(kind=CallKind.UPDATE_CONTACT, method="PUT", path="/contacts/7", body=body)


def held(id_: str, field: Any, value: Any, **more: Any) -> dict[str, Any]:
    """Return a field value as the answer to a contact call shows it."""
    return {"id": id_, "field": field, "value": value, "contact": "7"} | more


class TestUncleared:
    CONTACT: ClassVar = {"id": "7", "email": "ann@example.org"}

    @pytest.mark.parametrize(
        ("call", "rows", "uncleared"),
        [
            (written(f3=""), [held("14", "3", "gold")], ("14",)),
            (written(f3=""), [held("14", 3, "gold", contact=7)], ("14",)),
            (written(f3=""), [{"id": 14, "field": "3", "value": "gold"}], ("14",)),
            (written(f3="", f4=""), [held("14", "3", "gold"), held("15", "4", "42")], ("14", "15")),
            (written(f3=""), [held("14", "3", "")], ()),
            (written(f3=""), [held("14", "3", None)], ()),
            (written(f3="", f4="42"), [held("14", "3", ""), held("15", "4", "42")], ()),
            (written(f3="silver"), [held("14", "3", "gold")], ()),
            (written(f3=""), [held("14", "5", "gold")], ()),
            (written(f3=""), [held("14", "3", "gold", contact="8")], ()),
            (written(), [held("14", "3", "gold")], ()),
        ],
    )  # fmt: skip
    def test_what_is_shown_though_it_was_sent_empty(
        self, call: Call, rows: list[Any], uncleared: tuple[str, ...]
    ):
        """Only this contact's value of a field that was sent empty is to be cleared, by its id."""
        body = {"contact": self.CONTACT, "fieldValues": rows}

        assert answer_of(call, body, answered(200, body)) == ContactWritten(
            ContactId("7"), Address("ann@example.org"), uncleared
        )

    @pytest.mark.parametrize("rows", [None, {}, "none", [None], ["14"], [{}], [{"field": "3", "value": "x"}]])
    def test_values_in_another_form_prove_the_contact_all_the_same(self, rows: Any):
        """The contact is applied by its own part of the answer, whatever stands beside it."""
        body = {"contact": self.CONTACT, "fieldValues": rows}

        answer = answer_of(written(f3=""), body, answered(200, body))

        assert answer == ContactWritten(ContactId("7"), Address("ann@example.org"))

    def test_an_empty_object_proves_a_clearing(self):
        """The documented answer to a deleted value has nothing in it."""
        call = Call(kind=CallKind.CLEAR_VALUE, method="DELETE", path="/fieldValues/14", body={})

        assert answer_of(call, {}, answered(200, {})) == ValueCleared()

    @pytest.mark.parametrize(
        ("status", "body", "is_cleared"),
        [
            (404, {"message": "No Result found for FieldValue with id 14"}, True),
            (404, b"<html>no such page</html>", False),
            (403, {"message": "Forbidden"}, False),
            (400, {}, False),
        ],
    )
    def test_a_value_that_is_not_found_is_cleared(self, *, status: int, body: Any, is_cleared: bool):
        """Not found in the account's own words needs no call, and nothing else is taken for that."""
        assert is_as_wanted(answered(status, body), operation="clear_value") is is_cleared

    @pytest.mark.parametrize(
        ("status", "body", "kind", "cause"),
        [
            (403, {"message": "Forbidden"}, GoneError, "clear_value: forbidden"),
            (403, b"", TransientError, "forbidden"),
            (404, b"<html></html>", GoneError, "clear_value: 404"),
            (502, b"", UnclearError, "clear_value: 502"),
        ],
    )
    def test_a_forbidden_clearing_is_no_bad_key(
        self, status: int, body: Any, kind: type[SyncError], cause: str
    ):
        """The account forbids to delete a value that is not there, which halts nobody."""
        error = error_of(answered(status, body), operation="clear_value", is_write=True)

        assert (type(error), error.cause) == (kind, cause)
