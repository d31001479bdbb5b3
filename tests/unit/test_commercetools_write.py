"""What an answer to a write to Commercetools means."""

import json
from typing import Any

import pytest

from ct_ac_sync.clients.commercetools.classify import error_of_write
from ct_ac_sync.clients.transport import Response
from ct_ac_sync.errors import (
    ConflictError,
    CredentialsError,
    GoneError,
    PayloadError,
    ServerError,
    SyncError,
    ThrottledError,
    UnclearError,
)


def answered(status: int, code: str = "", body: Any = None, **headers: str) -> Response:
    """Return an answer with an error of a code, or another body."""
    error = {"statusCode": status, "message": "m", "errors": [{"code": code, "message": "m"}]}
    return Response(status=status, headers=headers, body=json.dumps(error if body is None else body).encode())


class TestWrites:
    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (409, "ConcurrentModification", ConflictError),
            (404, "ResourceNotFound", GoneError),
            (404, "", ServerError),
            (400, "InvalidField", PayloadError),
            (400, "InvalidOperation", PayloadError),
            (401, "invalid_token", CredentialsError),
            (403, "insufficient_scope", CredentialsError),
            (429, "TooManyRequests", ThrottledError),
            (503, "OverCapacity", ThrottledError),
            (500, "General", UnclearError),
            (502, "BadGateway", UnclearError),
            (504, "", UnclearError),
            (408, "", UnclearError),
            (202, "", UnclearError),
            (302, "", UnclearError),
        ],
    )
    def test_each_says_what_to_do(self, status: int, code: str, expected: type[SyncError]):
        """A conflict and a refusal had no effect; a server that failed may have done it."""
        error = error_of_write(answered(status, code), operation="update_customers")

        assert type(error) is expected
        assert error.cause == f"Commercetools update_customers: {code or status}"

    def test_an_answer_that_is_no_json(self):
        """A page of a gateway proves nothing of the customer."""
        page = Response(status=404, headers={}, body=b"<html>")

        assert isinstance(error_of_write(page, operation="update_customers"), ServerError)

    def test_a_refusal_keeps_its_answer(self):
        """What the shop says of the field stands in the letter."""
        error = error_of_write(answered(400, "InvalidField"), operation="update_customers")

        assert error.answer is not None
        assert "InvalidField" in error.answer
