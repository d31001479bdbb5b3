"""Our pages inside Flower as a human meets them: in a real browser, wide and narrow."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flower_browser import Browser, browser
from flower_house import Flower, a_dead_contact, state_of
from world import World

WIDE, NARROW = 1280, 400


@pytest.fixture(name="flower")
def _flower(
    database_url: str, shop_url: str, account_url: str, redis_url: str, folder: Path
) -> Iterator[tuple[World, Flower]]:
    world = World(
        database_url, shop_url, account_url, CT_AC_SYNC_CALL_INTERVAL_SECONDS="0.01", REDIS_URL=redis_url
    )
    flower = Flower(folder, world.environment)
    yield world, flower
    flower.stop()
    world.close()


@pytest.fixture(name="page")
def _page() -> Iterator[Browser]:
    with browser() as found:
        yield found


def pictures(tmp_path: Path) -> Path:
    """Return where pictures are kept: where FLOWER_PICTURES says, else with the test."""
    kept = Path(os.environ.get("FLOWER_PICTURES", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def test_a_dead_letter_is_replayed(flower: tuple[World, Flower], page: Browser, tmp_path: Path):
    """From the tab to the letter, with a reason typed and a button pressed: the contact arrives."""
    world, house = flower
    number = a_dead_contact(world, "grace@example.org", has_order=True)
    page.size(WIDE)

    page.open(f"{house.url}/workers")
    page.press(".app-nav a[href='/dead-letters']")
    listed = page.text("#letters")
    page.press(f"#letters a[href='/dead-letters/{number}']")
    page.press_early("#replay button")
    still_there = page.text("#state")
    page.write("#replay-reason", "the field is there now")
    page.press("#replay button")
    page.shoot(pictures(tmp_path) / "replayed.png")
    said, state, reason = page.text("#said"), page.text("#state"), page.text("#reason-kept")
    world.drain()

    assert "upsert_contact" in listed
    assert still_there == "open"
    assert "available again" in said
    assert (state, reason) == ("replayed", "the field is there now")
    assert state_of(world, number)["state"] == "replayed"
    assert "grace@example.org" in world.contacts()
    assert len(world.orders()) == 1


def test_another_site_cannot_decide(flower: tuple[World, Flower], page: Browser, tmp_path: Path):
    """A form on another site that posts to loopback, where nobody logs in, changes nothing."""
    world, house = flower
    number = a_dead_contact(world, "mallory@example.org")
    trap = tmp_path / "trap.html"
    trap.write_text(
        f'<form method="post" action="{house.url}/dead-letters/{number}"><input name="decision" value="discard">'
        '<input name="reason" value="x"><button>win</button></form>',
        "utf-8",
    )

    page.open(f"{house.url}/dead-letters/{number}")
    page.open(trap.as_uri())
    page.press("button")

    assert "forbidden" in page.text()
    assert state_of(world, number)["state"] == "open"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_pages_fit_the_window(flower: tuple[World, Flower], page: Browser, tmp_path: Path, width: int):
    """Wide and narrow, no page of ours is wider than its window, and all it shows can be read."""
    world, house = flower
    number = a_dead_contact(
        world, "a.very.long.address.indeed@a-rather-long-host.example.org", has_order=True
    )
    cause = world.box.desk.causes()[0]["cause"]
    page.size(width)

    overflows, texts = {}, {}
    for name, path in {
        "list": "/dead-letters", "letter": f"/dead-letters/{number}", "broker": "/broker",
        "none": "/dead-letters/4711",
    }.items():  # fmt: skip
        page.open(house.url + path)
        page.shoot(pictures(tmp_path) / f"{name}-{width}.png")
        overflows[name], texts[name] = page.overflow(), page.text("main")

    assert overflows == dict.fromkeys(overflows, 0)
    assert cause in texts["list"]
    assert cause in texts["letter"]
    assert "backfill.dead" in texts["broker"]
    assert "no dead letter 4711" in texts["none"]
