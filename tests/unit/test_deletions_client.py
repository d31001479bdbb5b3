"""Taking leave of a contact: how it is asked for, and what the answers mean."""

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from ct_ac_sync.clients.activecampaign.classify import DELETION_WAIT_SECONDS, error_of, is_as_wanted
from ct_ac_sync.clients.activecampaign.memberships import fetch_memberships
from ct_ac_sync.clients.activecampaign.proof import answer_of
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.domain.identity import ContactId
from ct_ac_sync.errors import NotYetError, TransientError, UnclearError
from ct_ac_sync.ports import Call, CallKind, MembershipEnded

ENDING = Call(
    kind=CallKind.UNSUBSCRIBE, method="POST", path="/contactLists",
    body={"contactList": {"contact": "7", "list": "3", "status": 2}},
)  # fmt: skip


def answered(status: int, body: Any) -> Response:
    """Return an answer."""
    return Response(status=status, headers=CaseInsensitiveDict(), body=json.dumps(body).encode())


class TestDeletion:
    @pytest.mark.parametrize("status", [402, 403, 422])
    def test_a_monthly_limit_is_waited_for(self, status: int):
        """However it is told, a limit waits for a day, and neither slows nor halts the account."""
        response = answered(status, {"message": "The monthly limit of deleted contacts has been reached."})

        error = error_of(response, operation="delete_contact", is_write=True)

        assert isinstance(error, NotYetError)
        assert error.retry_after_seconds == DELETION_WAIT_SECONDS

    def test_a_refusal_that_names_no_limit_is_one_of_rights(self):
        """A user who may not delete is refused as everywhere."""
        error = error_of(answered(403, {"message": "Forbidden"}), operation="delete_contact", is_write=True)

        assert isinstance(error, TransientError)
        assert error.cause == "forbidden"

    def test_a_contact_that_is_gone_is_deleted(self):
        """A repeated deletion finds nothing, which is what was wanted."""
        there_is_none = answered(404, {"message": "No result found for Subscriber with id 7"})

        assert is_as_wanted(there_is_none, operation="delete_contact")
        assert not is_as_wanted(answered(404, {}), operation="delete_contact")


class TestUnsubscription:
    @pytest.mark.parametrize("status", [2, "2"], ids=["a number", "a text"])
    def test_an_ended_membership_is_proven(self, status: object):
        """The membership that comes back ended, as a number or a text, proves the call."""
        body = {"contacts": [], "contactList": {"id": "1", "list": "3", "contact": "7", "status": status}}

        assert answer_of(ENDING, body, answered(200, body)) == MembershipEnded()

    @pytest.mark.parametrize("row", [{"list": "3", "status": 1}, {"list": "4", "status": 2}])
    def test_another_one_proves_nothing(self, row: dict[str, Any]):
        """Another list, or another status, is unclear, and is asked for again."""
        body = {"contactList": {"id": "1", "contact": "7"} | row}

        with pytest.raises(UnclearError):
            answer_of(ENDING, body, answered(200, body))

    def test_lists_that_were_left_are_not_left_again(self):
        """Of memberships those count that are, or are to be confirmed, each list once."""
        rows = [
            {"id": str(number), "list": list_, "status": status}
            for number, (list_, status) in enumerate([("10", "1"), ("9", 0), ("3", "2"), ("4", 3)])
        ]

        def load(schema: Any, *_: object) -> Any:
            return schema.load({"contactLists": rows})

        assert fetch_memberships(load, ContactId("7")) == ("9", "10")
