"""Tags: those that rules give are there, those that they no longer give are not, and no call is wasted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from configurations import NUMBER, PROFILE, SHOP, SWISS, route
from world import World

from ct_ac_sync.ports import Call, CallKind

Making = Callable[..., World]
LEASE = timedelta(seconds=20)

TAGS = """
[tags]
owned = ["tier: ", "vip"]

[[tags.rules]]
name = "customer"

[[tags.rules]]
name = "tier: {customer.custom.fields.tier}"

[[tags.rules]]
name = { template = "company: {customer.companyName}" }
"""
ANN = "ann@example.org"
TAGGED = SHOP + route("all", "main") + PROFILE + NUMBER + TAGS


class _KilledError(BaseException):
    """The worker is dead: nothing of ours catches it."""


@pytest.fixture(name="world")
def _world(world_of: Making) -> World:
    """Give a product that has read what there was: nothing."""
    found = world_of(TAGGED)
    found.run()
    return found


def _sign_up(world: World, email: str = ANN, *, tier: str = "gold", **more: Any) -> str:
    """Let somebody sign up; return the id."""
    customer = world.shop.do("sign_up", email=email, **more)
    _become(world, customer["id"], tier)
    return str(customer["id"])


def _sign_up_long_ago(world: World, email: str) -> str:
    """Let somebody of the gold tier have been there before the first run; return the id."""
    customer = world.shop.do("sign_up", email=email)
    changes = {"custom": {"fields": {"tier": "gold"}}}
    past = {"kind": "customer", "id": customer["id"], "changes": changes, "stamp_behind_seconds": 60}
    world.shop.ask("shop/change", past)
    return str(customer["id"])


def _become(world: World, customer: str, tier: str, **more: Any) -> None:
    """Let a customer have another tier."""
    world.shop.change("customer", customer, custom={"fields": {"tier": tier}}, **more)


def _tags(world: World, email: str = ANN) -> list[str]:
    """Return the tags that a contact has."""
    return sorted(world.contacts()[email]["tags"])


def _tag_by_hand(world: World, name: str, email: str = ANN) -> None:
    """Give a contact a tag that is none of ours."""
    tag = world.account.by_hand("POST", "/tags", {"tag": {"tag": name, "tagType": "contact"}})["tag"]["id"]
    contact = world.contacts()[email]["id"]
    world.account.by_hand("POST", "/contactTags", {"contactTag": {"contact": contact, "tag": tag}})


class TestSteadyState:
    def test_those_wanted_are_there(self, world: World):
        """A new customer has the tags that the rules give, each added once; an empty name is none."""
        _sign_up(world)

        world.run()

        assert _tags(world) == ["customer", "tier: gold"]
        assert world.account.writes().count("add_tag") == 2

    def test_what_did_not_change_costs_nothing(self, world: World):
        """Reading all again, and a change of nothing that is sent, cost no call at all."""
        customer = _sign_up(world)
        world.run()
        before = world.account.total()

        world.shop.change("customer", customer, vatId="DE123")
        world.run()

        assert world.account.total() == before
        assert world.outcomes("sync_tags")[-1] == "unchanged"

    def test_a_changed_name_costs_no_call_of_tags(self, world: World):
        """A contact whose fields change and whose tags do not costs one call."""
        customer = _sign_up(world)
        world.run()
        before = world.account.total()

        world.shop.change("customer", customer, lastName="Lee")
        world.run()

        assert world.account.total() == before + 1

    def test_a_changed_tag_costs_one_to_add_and_one_to_remove(self, world: World):
        """The new tag is added before the old one is removed, and nothing is read for it."""
        customer = _sign_up(world)
        world.run()
        _become(world, customer, "silver")
        world.run()
        before = world.account.total()

        _become(world, customer, "bronze")
        world.run()

        calls = [call["operation"] for call in world.account.calls(after=before)]
        made = [name for name in calls if name not in ("list_tags", "create_tag")]
        assert _tags(world) == ["customer", "tier: bronze"]
        assert made == ["add_tag", "remove_tag"]

    def test_a_tag_that_was_made_before_costs_no_look(self, world: World):
        """A tag whose id is known is added by one call and removed by one."""
        customer = _sign_up(world)
        _sign_up(world, "bob@example.org", tier="silver")
        world.run()
        before = world.account.total()

        _become(world, customer, "silver")
        world.run()

        assert [c["operation"] for c in world.account.calls(after=before)] == ["add_tag", "remove_tag"]


class TestOwnership:
    def test_a_foreign_tag_is_left_alone(self, world: World):
        """What begins with no owned prefix stays, whoever gave it."""
        customer = _sign_up(world)
        world.run()
        _tag_by_hand(world, "newsletter hero")

        _become(world, customer, "silver")
        world.run()

        assert _tags(world) == ["customer", "newsletter hero", "tier: silver"]

    def test_a_stale_one_of_ours_is_removed(self, world: World):
        """What begins with an owned prefix and is not wanted goes, even if it was given by hand, before or since."""
        _sign_up(world)
        world.account.by_hand("POST", "/contact/sync", {"contact": {"email": ANN}})
        _tag_by_hand(world, "Tier: platinum")

        world.run()

        assert _tags(world) == ["customer", "tier: gold"]

    def test_a_name_is_compared_whole(self, world: World):
        """A tag is not taken for another that only begins, or ends, like it."""
        world.shop.do("sign_up", email=ANN)
        world.run()
        _tag_by_hand(world, "customer-old")
        world.configure(TAGGED.replace('name = "customer"', 'name = { value = "old" }'))

        world.box.remap.run()
        world.drain()

        assert _tags(world) == ["customer", "customer-old", "old"]

    def test_a_comma_is_none_of_a_name(self, world: World):
        """A company with a comma in its name gives a tag without, once and for all."""
        _sign_up(world, tier="", last_name="Lee")
        customer = world.shop.ask("state")["customers"][0]["id"]
        world.shop.change("customer", customer, companyName="Lee, Sons & Co, Ltd")

        world.run()
        before = world.account.total()
        world.run()

        assert _tags(world) == ["company: Lee Sons & Co Ltd", "customer"]
        assert world.account.total() == before


class TestTrouble:
    def test_a_worker_that_dies_after_an_add_repeats_it(self, world: World):
        """An add without an end is made again, and the contact has each tag once, its automation too."""
        _sign_up(world)
        real, dead = world.destination.send, []

        def send(call: Call, **given: Any) -> Any:
            answer = real(call, **given)
            if call.kind is CallKind.ADD_TAG and not dead:
                dead.append(call)
                raise _KilledError
            return answer

        world.destination.send = send
        with pytest.raises(_KilledError):
            world.run()
        world.destination.send = real
        world.pass_time(LEASE)
        world.drain()
        world.pass_time(LEASE)
        world.drain()

        assert _tags(world) == ["customer", "tier: gold"]
        assert len(world.account.log("tag_added")) == 2

    def test_a_contact_deleted_by_hand_comes_back_with_its_tags(self, world: World):
        """At its next change a contact that somebody deleted is made again, with all its tags."""
        customer = _sign_up(world)
        world.run()
        world.account.by_hand("DELETE", f"/contacts/{world.contacts()['ann@example.org']['id']}")

        world.shop.change("customer", customer, lastName="Lee")
        world.run()

        assert _tags(world) == ["customer", "tier: gold"]

    def test_it_comes_back_though_only_a_tag_changed(self, world: World):
        """A tag that cannot be added, because its contact is gone, brings the contact back."""
        customer = _sign_up(world)
        world.run()
        world.account.by_hand("DELETE", f"/contacts/{world.contacts()['ann@example.org']['id']}")

        _become(world, customer, "silver")
        world.run()

        assert _tags(world) == ["customer", "tier: silver"]
        assert world.box.views.status()["totals"]["dead_letters"] == 0

    @pytest.mark.parametrize("is_linked", [True, False])
    def test_it_comes_back_though_its_tags_are_to_be_read(self, world: World, *, is_linked: bool):
        """A contact that is gone, known by its id or by its address alone, is made before its tags are read."""
        customer = _sign_up(world)
        world.run()
        world.account.by_hand("DELETE", f"/contacts/{world.contacts()[ANN]['id']}")
        world.execute("UPDATE recipient_tag SET link = NULL")
        if not is_linked:
            world.execute("UPDATE recipient SET contact = NULL")

        _become(world, customer, "silver")
        world.run()

        assert _tags(world) == ["customer", "tier: silver"]
        assert world.box.views.status()["totals"]["dead_letters"] == 0

    def test_a_tag_deleted_by_hand_is_made_again(self, world: World):
        """An id that means nothing there any more is looked up anew, and the tag made."""
        _sign_up(world)
        world.run()
        gold = next(t["id"] for t in world.account.ask("state")["tags"] if t["tag"] == "tier: gold")
        world.account.by_hand("DELETE", f"/tags/{gold}")

        _sign_up(world, "bob@example.org")
        world.run()

        assert _tags(world, "bob@example.org") == ["customer", "tier: gold"]
        assert world.box.views.status()["totals"]["dead_letters"] == 0

    def test_whose_contact_became_anothers_gets_one_of_its_own(self, world: World):
        """Where somebody gave a contact another's address by hand, both end with a contact and their tags."""
        _sign_up(world)
        world.run()
        contact = world.contacts()[ANN]["id"]
        world.account.by_hand("PUT", f"/contacts/{contact}", {"contact": {"email": "bob@example.org"}})

        _sign_up(world, "bob@example.org", tier="silver")
        world.run()

        assert _tags(world) == ["customer", "tier: gold"]
        assert _tags(world, "bob@example.org") == ["customer", "tier: silver"]

    def test_tags_follow_a_rename(self, world: World):
        """A new address and a new tag at once reach the one contact."""
        customer = _sign_up(world)
        world.run()

        _become(world, customer, "silver", email="lee@example.org")
        world.run()

        assert list(world.contacts()) == ["lee@example.org"]
        assert _tags(world, "lee@example.org") == ["customer", "tier: silver"]

    def test_who_change_places_have_their_own_tags(self, world: World):
        """Two who took each other's addresses each end with the tags of who they are."""
        ann, bob = _sign_up(world), _sign_up(world, "bob@example.org", tier="silver")
        world.run()

        world.shop.change("customer", ann, email="bob@example.org")
        world.shop.change("customer", bob, email=ANN)
        world.run()

        found = {e: (c["fields"]["CT_CUSTOMER_ID"], _tags(world, e)) for e, c in world.contacts().items()}
        assert found == {
            ANN: (bob, ["customer", "tier: silver"]),
            "bob@example.org": (ann, ["customer", "tier: gold"]),
        }

    def test_who_takes_a_strangers_contact_takes_its_stale_tags_away(self, world: World):
        """A contact that is adopted has what our rules give, and of ours nothing else."""
        customer = _sign_up(world)
        world.run()
        world.account.by_hand("POST", "/contact/sync", {"contact": {"email": "new@example.org"}})
        _tag_by_hand(world, "tier: lead", "new@example.org")

        world.shop.change("customer", customer, email="new@example.org")
        world.run()

        assert _tags(world, "new@example.org") == ["customer", "tier: gold"]


class TestImports:
    def test_an_import_carries_them(self, world_of: Making):
        """The past comes with its tags in one import, and starts no automation."""
        world = world_of(TAGGED)
        for number in range(30):
            _sign_up_long_ago(world, f"p{number}@example.org")

        world.run()

        assert {tuple(_tags(world, email)) for email in world.contacts()} == {("customer", "tier: gold")}
        assert world.account.writes().count("add_tag") == 0
        assert world.account.counts()["import_contacts"] == {"200": 1}
        assert world.account.log("automation_started") == []

    def test_what_an_import_added_can_be_removed(self, world_of: Making):
        """A tag whose link no import told is looked up once, and removed."""
        world = world_of(TAGGED)
        customers = [_sign_up_long_ago(world, f"p{number}@example.org") for number in range(30)]
        world.run()

        _become(world, customers[3], "silver")
        world.run()

        assert _tags(world, "p3@example.org") == ["customer", "tier: silver"]

    def test_a_refused_row_leaves_no_belief(self, world_of: Making):
        """Whom an import passed over gets the tags by calls of their own."""
        world = world_of(TAGGED)
        for number in range(30):
            _sign_up_long_ago(world, f"p{number}@example.org")
        world.account.ask("exclusions", {"addresses": ["p7@example.org"]})

        world.run()

        assert _tags(world, "p7@example.org") == ["customer", "tier: gold"]

    @pytest.mark.parametrize("end", ["completed", "failed"])
    def test_a_failed_import_leaves_what_was_there_before_known(self, world_of: Making, end: str):
        """What an earlier import added is still known when a later one fails, so that it is removed."""
        world = world_of(TAGGED)
        for number in range(30):
            _sign_up_long_ago(world, f"p{number}@example.org")
        world.run()

        renamed = TAGGED.replace('name = "tier: {', 'name = "level: {')
        world.configure(renamed.replace('from = "customer.id"', 'template = "no {customer.id}"'))
        world.account.ask("imports/next", {"end": end})
        world.box.remap.run()
        world.drain()

        assert {tuple(_tags(world, email)) for email in world.contacts()} == {("customer", "level: gold")}
        assert world.account.log("automation_started") == []


class TestSeveralAccounts:
    def test_a_contact_that_is_there_for_an_order_has_its_tags(self, world_of: Making):
        """Where only an order leads, its contact has tags too, with the prefix of the route there."""
        world = world_of(
            SHOP + SWISS + route("switzerland", "swiss", 'store = "ch"', tag_prefix="ch/")
            + route("the rest", "main", tag_prefix="de/") + PROFILE + NUMBER + TAGS,
            accounts=["swiss"],
        )  # fmt: skip
        world.run()
        customer = _sign_up(world, store="de")
        world.run()

        world.shop.do("order", customer=customer, country="CH")
        world.run()
        _become(world, customer, "silver")
        world.run()

        assert _tags(world) == ["de/customer", "de/tier: silver"]
        swiss = world.accounts["swiss"].contacts()[ANN]
        assert sorted(swiss["tags"]) == ["ch/customer", "ch/tier: silver"]
