"""Company: who goes along in one call, and who is left for the next."""

from contextlib import closing
from datetime import timedelta

from world import World

from ct_ac_sync.domain.choice import BatchSizes
from ct_ac_sync.domain.delivery import Claim, Postponed, Result
from ct_ac_sync.ports import Call, CallKind
from ct_ac_sync.store.deliveries import Draft
from ct_ac_sync.sync.planner import PORTION

IMPORT = Call(kind=CallKind.IMPORT_CONTACTS, method="POST", path="/import/bulk_import", body={}, members=2)
LIMIT = BatchSizes().imported
FULL = BatchSizes().imports_outstanding


def _times(soft: float) -> dict[str, str]:
    """Return the settings of tasks that have so many seconds, four of which a call may take."""
    return {
        "CT_AC_SYNC_CALL_INTERVAL_SECONDS": "0.01", "CT_AC_SYNC_SOFT_SECONDS": str(soft),
        "CT_AC_SYNC_HARD_SECONDS": str(soft + 1), "CT_AC_SYNC_LEASE_SECONDS": str(soft + 2),
    }  # fmt: skip


def _sign_up_long_ago(world: World, email: str) -> None:
    """Let somebody sign up who was last changed before the stream was first read."""
    customer = world.shop.do("sign_up", email=email)["id"]
    world.shop.do("edit", customer=customer, last_name="Past", stamp_behind_seconds=60)
    world.read()


def _fill(world: World, customers: int) -> None:
    """Let so many have signed up long ago."""
    world.shop.ask("shop/fill", {"customers": customers, "orders": 0, "seed": 4})
    world.read()


def _claims(world: World, number: int) -> list[Claim]:
    """Claim the first recipients that are due, each alone."""
    rows = world.sql("SELECT recipient FROM recipient WHERE due_at IS NOT NULL ORDER BY recipient LIMIT %s", (number,))  # fmt: skip
    claims = [world.box.deliveries.claim(row["recipient"]) for row in rows]
    return [claim for claim in claims if claim is not None]


def _put_off(world: World, claim: Claim, *, counts: bool) -> None:
    outcome = Postponed(delay=timedelta(seconds=8), counts=counts, reason="test")
    world.box.deliveries.finish(claim, [Result(member=claim.head, outcome=outcome)])


def _imported(world: World) -> list[int]:
    """Return how many each import carried."""
    rows = world.sql("SELECT members FROM attempt WHERE kind = 'import_contacts' ORDER BY attempt")
    return [row["members"] for row in rows]


class TestCompany:
    def test_whoever_there_is_no_time_for_goes_with_the_next(
        self, database_url: str, shop_url: str, account_url: str
    ):
        """What cannot be mapped within a task's time stays due, and nobody is left behind."""
        with closing(World(database_url, shop_url, account_url, **_times(4.001))) as world:
            _fill(world, 2 * PORTION + 10)

            world.drain()

            assert len(world.contacts()) == 2 * PORTION + 10
            assert _imported(world) == [PORTION + 1, PORTION + 1, 8]

    def test_many_go_in_one_call_where_there_is_time(
        self, database_url: str, shop_url: str, account_url: str
    ):
        """Portion after portion is claimed until nobody is left."""
        with closing(World(database_url, shop_url, account_url, **_times(60))) as world:
            _fill(world, 2 * PORTION + 10)

            world.drain()

            assert _imported(world) == [2 * PORTION + 10]

    def test_two_hands_share(self, world: World):
        """Who claims neighbours leaves some for another, and nobody is claimed twice."""
        _fill(world, 30)
        first, second = _claims(world, 2)

        first = world.box.deliveries.claim_neighbours(first, limit=LIMIT, portion=14)
        second = world.box.deliveries.claim_neighbours(second, limit=LIMIT, portion=14)

        taken = [member.recipient for claim in (first, second) for member in claim.members]
        assert (len(first.members), len(second.members)) == (15, 15)
        assert len(set(taken)) == 30

    def test_a_company_grows_to_its_limit(self, world: World):
        """Claimed again and again, it has no member twice, and no more than are allowed."""
        _fill(world, 30)
        (claim,) = _claims(world, 1)

        for _ in range(5):
            claim = world.box.deliveries.claim_neighbours(claim, limit=20, portion=8)

        assert len({member.entry for member in claim.members}) == len(claim.members) == 20

    def test_all_orders_of_a_person_may_go_in_one_call(self, world: World):
        """Portions of orders take what is left of whose orders were claimed before."""
        world.read()
        customer = world.shop.do("sign_up")["id"]
        for _ in range(7):
            world.shop.do("order", customer=customer)
        world.read()
        world.execute("UPDATE entry SET state = 'done', next_at = NULL WHERE operation <> 'upsert_order'")
        (claim,) = _claims(world, 1)

        for _ in range(3):
            claim = world.box.deliveries.claim_neighbours(claim, limit=50, portion=3)

        assert len({member.object for member in claim.members}) == len(claim.members) == 7

    def test_who_was_put_off_comes_along(self, world: World):
        """A call that goes out takes along who only waited for a call, and not who failed."""
        _fill(world, 3)
        waiting, failed, head = _claims(world, 3)
        _put_off(world, waiting, counts=False)
        _put_off(world, failed, counts=True)

        company = world.box.deliveries.claim_neighbours(head, limit=LIMIT, portion=PORTION)

        assert [member.recipient for member in company.members] == [
            head.head.recipient, waiting.head.recipient,
        ]  # fmt: skip


class TestRings:
    def test_contacts_stay_together_while_no_import_may_be_sent(self, world: World):
        """As many imports as may be are outstanding: nobody is rung for another until one is applied."""
        world.account.ask("switches", {"import_seconds": 60.0})
        for wave in range(FULL + 1):
            _sign_up_long_ago(world, f"wave{wave}@example.org")
            if wave < FULL:
                world.deliver_due()
        world.execute("UPDATE recipient SET rung_until = NULL")

        full = world.box.deliveries.take_due(window=10, imports=FULL)
        free = world.box.deliveries.take_due(window=10, imports=FULL + 1)

        assert (len(full), len(free)) == (0, 1)

    def test_imports_whose_holders_died_are_looked_into(self, world: World):
        """As many imports as may be were intended by workers that died: their people are rung, and all goes on."""
        _fill(world, 3 * FULL)
        for claim in _claims(world, FULL):
            company = world.box.deliveries.claim_neighbours(claim, limit=2, portion=1)
            drafts = [Draft(member=each, fingerprint="f", version=1) for each in company.members]
            assert world.box.deliveries.intend(company, drafts, IMPORT, imports=FULL) is not None
        world.pass_time(timedelta(seconds=30))

        rung = world.box.deliveries.take_due(window=10, imports=FULL)
        world.drain()

        assert len(rung) == FULL
        assert len(world.contacts()) == 3 * FULL

    def test_orders_do_not_wait_for_imports(self, world: World):
        """Whoever has its contact is rung for its orders though no import may be sent."""
        customer = world.shop.do("sign_up")["id"]
        world.read()
        world.drain()
        world.account.ask("switches", {"import_seconds": 60.0})
        for wave in range(FULL):
            _sign_up_long_ago(world, f"wave{wave}@example.org")
            world.deliver_due()
        world.shop.do("order", customer=customer)
        world.read()
        world.execute("UPDATE entry SET state = 'done', next_at = NULL WHERE operation <> 'upsert_order' AND state = 'open'")  # fmt: skip
        world.execute("UPDATE recipient SET rung_until = NULL, lane = 3 WHERE due_at IS NOT NULL")

        rung = world.box.deliveries.take_due(window=10, imports=FULL)

        assert len(rung) == 1
