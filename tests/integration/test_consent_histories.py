"""Consent over random histories: shop and account go their own ways, and each word is held to its moment."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from configurations import NUMBER, PROFILE, SHOP
from consent_histories import NEWS, Begin, History, Judge, calls_about_memberships, edit_everybody, set_walls
from look_alikes import Parent, end
from world import World

SCRIPT = Path(__file__).parents[1] / "going_account.py"

CONFIGURATION = """
[[routes]]
name = "all"
destination = "main"
lists = ["news"]

[lists.news]
name = "Newsletter"

[consent.email]
owner = "{owner}"
absence = "{absence}"
past_counts = {past_counts}

[[consent.email.read]]
value = "customer.custom.fields.newsletter"
time = "customer.custom.fields.newsletterAt"

[[consent.email.read]]
value = "order.custom.fields.newsletter"
"""
LIST = {
    "name": NEWS, "stringid": "newsletter", "sender_url": "https://example.com", "sender_reminder": "You signed up.",
}  # fmt: skip
#: What is as open as ever, and would only be waited for.
AT_ONCE = {
    "contact_list_seconds": 0,
    "import_seconds": 0,
    "import_order": "fifo",
    "order_visibility_seconds": 0,
}

#: Seed, steps, owner, and what the configuration has besides.
HISTORIES = (
    (1, 45, "latest", {}),
    (2, 45, "latest", {"past_counts": True, "absence_is_no": True}),
    (3, 40, "commercetools", {}),
    (4, 45, "strictest", {}),
    (6, 40, "strictest", {"past_counts": True}),
)


@pytest.fixture(scope="module", name="going")
def _going(folder: Path) -> Iterator[Parent]:
    """Give what accounts whose clock can be put ahead are forked off."""
    parent = Parent(folder / "going-accounts.log", script=str(SCRIPT))
    yield parent
    parent.close()


@pytest.fixture(name="account_url", params=["a", "b"])
def _account_url(going: Parent, request: pytest.FixtureRequest) -> Iterator[str]:
    pid, url = going.start(
        "activecampaign", "--profile", str(request.param), "--retry-after", "1", "--rate", "1000"
    )
    yield url
    end(pid)


@pytest.fixture(name="begin")
def _begin(database_url: str, world_of: Callable[..., World]) -> Begin:
    """Give what begins a history of a configuration."""
    set_walls(database_url)

    def begin(seed: int, owner: str, *, absence_is_no: bool = False, past_counts: bool = False) -> History:
        absence = "no" if absence_is_no else "unknown"
        consent = CONFIGURATION.format(owner=owner, absence=absence, past_counts=str(past_counts).lower())
        world = world_of(SHOP + consent + PROFILE + NUMBER)
        world.account.ask("switches", AT_ONCE)
        list_ = world.account.by_hand("POST", "/lists", {"list": LIST})["list"]["id"]
        world.account.by_hand("POST", "/listGroups", {"listGroup": {"listid": list_, "groupid": 1}})
        history = History(world, seed=seed, owner=owner, absence_is_no=absence_is_no, past_counts=past_counts)
        history.begin()
        return history

    return begin


@pytest.mark.parametrize(("seed", "steps", "owner", "more"), HISTORIES)
def test_every_word_is_held_to_its_moment(
    begin: Begin, seed: int, steps: int, owner: str, more: dict[str, bool]
):
    """Whatever people say in the shop and do there, nobody is put on a list or brought back against a later word, clear words come true, and the ledger tells of it."""
    history = begin(seed, owner, **more)
    history.go_on(steps)
    history.end()

    judge = Judge(history)
    faults = list(judge.faults())
    before = len(history.account.calls())
    edit_everybody(history, "Once")
    calls = calls_about_memberships(history, after=before)

    print("\nsteps:", dict(history.did), "judged:", dict(judge.seen))  # noqa: T201 - shown where it fails
    assert not faults, "\n\n".join(faults)
    assert calls == []
    assert judge.seen["written"] >= 3
    assert judge.seen["clear yes"] + judge.seen["clear no"] >= 2
