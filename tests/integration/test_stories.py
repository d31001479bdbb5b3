"""Customers and orders change there and arrive here, through real servers and both look-alikes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from world import Interposed, World

from ct_ac_sync.ports import Page, Stream, Sweep, Unreadable


def _fill(world: World, customers: int = 40, orders: int = 60) -> None:
    world.shop.ask("shop/fill", {"customers": customers, "orders": orders, "seed": 3})


class TestFirstLoad:
    @pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
    def test_history_arrives_by_few_calls_and_fires_nothing(self, world: World):
        """The past is carried by imports and order batches, and starts no automation."""
        _fill(world)

        world.run()

        assert len(world.orders()) == 60
        assert {c["id"] for c in world.shop.ask("state")["customers"]} <= {
            c["fields"].get("CT_CUSTOMER_ID") for c in world.contacts().values()
        }
        assert world.account.log("automation_started") == []
        counts = world.account.counts()
        assert counts["import_contacts"] == {"200": 1}
        assert "sync_contact" not in counts

    def test_a_second_sweep_changes_nothing(self, world: World):
        """Reading the overlap again finds no news and sends nothing."""
        _fill(world, 5, 5)
        world.run()
        before = world.account.ask("counts")["total"]

        world.run()

        assert world.account.ask("counts")["total"] == before


class TestCustomers:
    def test_a_change_goes_out_alone_and_names_its_version(self, world: World):
        """One edited customer costs one call, which carries the source's last-modified instant."""
        world.run()
        customer = world.shop.do("sign_up", email="Ann.Lee@Example.org", first_name="Ann")
        world.run()
        before = world.account.ask("counts")["total"]

        edited = world.shop.do("edit", customer=customer["id"], last_name="O'Neill")
        world.run()

        contact = world.contacts()["ann.lee@example.org"]
        assert contact["lastName"] == "O'Neill"
        assert contact["fields"]["CT_LAST_MODIFIED"] == edited["lastModifiedAt"]
        assert world.account.ask("counts")["total"] == before + 1

    def test_a_new_address_renames_the_contact(self, world: World):
        """An e-mail change keeps one contact, whose e-commerce customer and orders follow."""
        world.run()
        customer = world.shop.do("sign_up", email="old@example.org")
        order = world.shop.do("order", customer=customer["id"])
        world.run()
        before = world.contacts()["old@example.org"]["id"]

        world.shop.do("change_email", customer=customer["id"], email="new@example.org")
        world.run()

        assert {e: c["id"] for e, c in world.contacts().items()} == {"new@example.org": before}
        assert [c["email"] for c in world.account.ask("state")["customers"]] == ["new@example.org"]
        owners = {id_: each["storeCustomerId"] for id_, each in world.orders().items()}
        assert owners == {order["id"]: customer["id"]}

    def test_an_imported_contact_can_be_renamed(self, world: World):
        """A contact whose id no import told us is looked up by its old address first."""
        _fill(world, 30, 0)
        world.run()
        customer = world.shop.ask("state")["customers"][0]

        world.shop.do("change_email", customer=customer["id"], email="moved@example.org")
        world.run()

        assert len(world.contacts()) == 30
        assert world.contacts()["moved@example.org"]["fields"]["CT_CUSTOMER_ID"] == customer["id"]

    def test_two_customers_with_one_address_share_a_contact(self, world: World):
        """The oldest speaks for both, and neither overwrites the other."""
        world.run()
        first = world.shop.do("sign_up", email="same@example.org", first_name="Ida", store="de")
        second = world.shop.do("sign_up", email="Same@example.org", first_name="Tom", store="fr")
        world.run()
        world.shop.do("edit", customer=second["id"], last_name="Walsh")

        world.run()

        contacts = world.contacts()
        assert list(contacts) == ["same@example.org"]
        assert contacts["same@example.org"]["firstName"] == "Ida"
        assert contacts["same@example.org"]["fields"]["CT_CUSTOMER_ID"] == first["id"]

    def test_a_freed_address_may_be_taken_by_another(self, world: World):
        """The first keeps its contact under its new address; the other gets one of its own."""
        world.run()
        first = world.shop.do("sign_up", email="freed@example.org")
        world.run()
        kept = world.contacts()["freed@example.org"]["id"]

        world.shop.do("change_email", customer=first["id"], email="first@example.org")
        second = world.shop.do("sign_up", email="freed@example.org")
        world.run()

        contacts = world.contacts()
        assert contacts["first@example.org"]["id"] == kept
        assert contacts["freed@example.org"]["fields"]["CT_CUSTOMER_ID"] == second["id"]
        assert contacts["first@example.org"]["fields"]["CT_CUSTOMER_ID"] == first["id"]

    def test_an_address_taken_by_a_stranger_is_adopted(self, world: World):
        """A rename to an address some other contact has links that contact, and makes no third."""
        world.run()
        customer = world.shop.do("sign_up", email="mine@example.org")
        world.run()
        world.shop.do("guest_order", email="theirs@example.org")
        world.run()

        world.shop.do("change_email", customer=customer["id"], email="theirs@example.org")
        world.run()

        assert world.contacts()["theirs@example.org"]["fields"]["CT_CUSTOMER_ID"] == customer["id"]
        assert len(world.contacts()) == 2

    def test_a_contact_deleted_there_comes_back(self, world: World):
        """A linked contact that is gone is made anew, once."""
        world.run()
        customer = world.shop.do("sign_up", email="gone@example.org")
        world.run()
        id_ = world.contacts()["gone@example.org"]["id"]
        world.destination._transport.request(  # type: ignore[attr-defined]
            "DELETE", f"/contacts/{id_}", deadline_seconds=5, operation="delete_contact"
        )

        world.shop.do("edit", customer=customer["id"], first_name="Again")
        world.run()

        assert world.contacts()["gone@example.org"]["firstName"] == "Again"


class TestOrders:
    @pytest.mark.parametrize("account_url", ["a", "b"], indirect=True)
    def test_an_order_starts_its_automation_once(self, world: World):
        """First sight is real-time; payment, shipment and cancellation start nothing again."""
        world.run()
        order = world.shop.do("order", customer=world.shop.do("sign_up")["id"])
        world.run()
        for step in ("pay", "ship", "cancel"):
            world.shop.do(step, order=order["id"])
            world.run()

        started = world.account.log("automation_started")
        assert [e["trigger"] for e in started] == ["order_created"]
        assert world.orders()[order["id"]]["normalizedStatus"] == "CANCELLED"

    def test_an_order_accepted_before_its_customer_brings_the_customer(self, world: World):
        """A customer nobody polled yet is fetched with its order, and goes out before it."""
        world.run()
        customer = world.shop.do("sign_up", email="early@example.org", visible_after_seconds=60)
        order = world.shop.do("order", customer=customer["id"])

        world.run()

        assert world.contacts()["early@example.org"]["fields"]["CT_CUSTOMER_ID"] == customer["id"]
        kinds = [e["kind"] for e in world.account.log() if e["kind"] in ("contact_created", "order_created")]
        assert kinds == ["contact_created", "order_created"]
        assert world.orders()[order["id"]]["email"] == "early@example.org"

    def test_a_guest_who_registers_stays_one_contact(self, world: World):
        """Guest first, registered later: the same contact, now with a customer id."""
        world.run()
        world.shop.do("guest_order", email="guest@example.org")
        world.run()
        before = world.contacts()["guest@example.org"]["id"]

        customer = world.shop.do("sign_up", email="guest@example.org")
        world.run()

        contact = world.contacts()["guest@example.org"]
        assert contact["id"] == before
        assert contact["fields"]["CT_CUSTOMER_ID"] == customer["id"]

    def test_an_order_is_a_decimal_and_exact(self, world: World):
        """The account's amount equals the shop's gross total, in major units."""
        world.run()
        order = world.shop.do("guest_order", email="money@example.org")

        world.run()

        money = order["taxedPrice"]["totalGross"]
        shown = world.orders()[order["id"]]["finalAmount"]
        assert round(shown * 10 ** money["fractionDigits"]) == money["centAmount"]


class TestRefusals:
    def test_what_is_not_accepted_is_buried_and_the_rest_goes_on(self, world: World):
        """One bad address among thirty: twenty-nine arrive, one is a dead letter with its cause."""
        _fill(world, 29, 0)
        world.shop.do("sign_up", email="odd(name)@example.org")

        world.run()

        assert len(world.contacts()) == 29
        letters = world.box.desk.dead_letters()
        assert [letter["cause"] for letter in letters] == ["sync_contact: email_invalid"]

    def test_orders_wait_for_a_dead_contact_and_follow_its_replay(self, world: World):
        """What stands behind a dead contact is listed under its letter, and freed by its replay."""
        world.run()
        body = '{"errors":[{"title":"Last Name is not valid!","code":"field_invalid","source":{"pointer":"/x"}}]}'
        world.account.fault(path="contact/sync", status=422, reply=body)
        order = world.shop.do("order", customer=world.shop.do("sign_up")["id"])
        world.run()
        letter = world.box.desk.dead_letter(world.box.desk.dead_letters()[0]["dead_letter"])
        assert letter is not None
        assert [w["object"] for w in letter["waiting"]] == [order["id"]]
        world.account.heal()

        replayed = world.box.desk.replay([letter["dead_letter"]], actor="test", reason="mended")
        again = world.box.desk.replay([letter["dead_letter"]], actor="test", reason="twice")
        world.drain()

        assert (replayed, again) == (1, 0)
        assert order["id"] in world.orders()

    def test_a_newer_version_supersedes_a_dead_letter(self, world: World):
        """Mended at its source, a record goes out without anybody's replay."""
        world.run()
        customer = world.shop.do("sign_up", email="odd(name)@example.org")
        world.run()

        world.shop.do("change_email", customer=customer["id"], email="fine@example.org")
        world.run()

        assert "fine@example.org" in world.contacts()
        assert world.box.desk.dead_letters() == []

    def test_an_unreadable_record_is_held_and_its_page_goes_on(self, world: World):
        """A record that breaks its contract is one dead letter; its neighbours arrive."""
        world.run()
        world.shop.do("sign_up", email="good@example.org")
        path = "/demo-shop/customers"
        world.source._get("", {}, operation="project")  # type: ignore[attr-defined]
        token = world.source._bearer()  # type: ignore[attr-defined]
        import requests

        draft = {"firstName": "Nobody", "addresses": "none"}
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.post(world.shop.url + path, json=draft, headers=headers, timeout=5).status_code == 201

        world.run()

        assert "good@example.org" in world.contacts()
        causes = [row["cause"] for row in world.box.desk.causes()]
        assert causes == ["unreadable customers: addresses.0, email"] or "email" in causes[0]

    def test_a_record_that_could_not_be_read_is_fetched_anew_on_replay(self, world: World):
        """However old it is: a replay asks for it by its id, and closes its letter once it is read."""
        _fill(world, 5, 0)
        source = world.source

        def fetch_page(real: Callable[..., Page], stream: Stream, sweep: Sweep) -> Page:
            page = real(stream, sweep)
            first, *rest = page.records if stream is Stream.CUSTOMERS and page.records else (None,)
            if first is None:
                return page
            held = Unreadable(stream, first.value.id, first.value.version, {"email": "no"}, first.body)
            return replace(page, records=tuple(rest), unreadable=(held,))

        world.rewire(source=Interposed(source, fetch_page=fetch_page))
        world.run()
        letters = [letter["dead_letter"] for letter in world.box.desk.dead_letters()]
        world.rewire(source=source)

        replayed = world.box.replay.replay(letters, actor="test", reason="the parser was mended")
        world.drain()

        assert (replayed.replayed, replayed.reread) == (0, 1)
        assert world.sql("SELECT state, reason FROM dead_letter") == [
            {"state": "replayed", "reason": "the parser was mended"}
        ]
        assert len(world.contacts()) == 5
