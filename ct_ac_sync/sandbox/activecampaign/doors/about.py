"""The doors that say who is asking."""

from ct_ac_sync.sandbox.activecampaign.doors.answers import API, Routes, Row
from ct_ac_sync.sandbox.service import Reply, Request

LINKS = ("lists", "userGroup", "dealGroupTotals", "dealGroupUsers", "configs")


def routes() -> Routes:
    """Return the doors."""
    return (
        ("GET", f"{API}/?", "root", root),
        ("GET", f"{API}/users/me", "users_me", me),
    )


def root(request: Request) -> Reply:
    """Answer the root, which clients ask to see whether a key is good; its body is not documented."""
    del request
    return Reply(200, {})


def me(request: Request) -> Reply:
    """Return the key's user."""
    del request
    user: Row = {
        "username": "integration", "firstName": "Inte", "lastName": "Gration",
        "email": "integration@example.org", "phone": "", "signature": None, "id": "1",
        "links": {name: f"{API}/users/1/{name}" for name in LINKS},
    }  # fmt: skip
    return Reply(200, {"user": user})
