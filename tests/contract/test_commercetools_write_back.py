"""What is written to customers, and what the look-alike answers, against the vendor's specification."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from world import World

from ct_ac_sync.errors import ConflictError, CredentialsError, GoneError, PayloadError
from ct_ac_sync.mapping.write_back import actions_of
from tests.integration.test_commercetools_look_alike import Schemas, vendors_schemas

DEADLINE = timedelta(seconds=5)
FIELDS = {"newsletter": False, "visitedAt": "2026-03-01T12:00:00.000Z", "nickname": None}


@pytest.fixture(name="schemas", scope="module")
def _schemas() -> Schemas:
    return vendors_schemas()


def last_call(world: World) -> dict[str, Any]:
    """Return the last call that the shop had."""
    return world.shop.calls()[-1]


class TestUpdates:
    @pytest.mark.parametrize("group", ["b2c", None])
    def test_the_body_is_an_update_and_the_answer_a_customer(
        self, world: World, schemas: Schemas, group: str | None
    ):
        """Each action, the whole body and the answer are as the vendor specifies them."""
        given = {"group": group} if group else {}
        row = world.shop.do("sign_up", visible_after_seconds=0, **given)
        actions = actions_of(row, FIELDS, type_="customer-profile")
        assert actions is not None
        call = world.source.prepare_update(row["id"], row["version"], actions)

        made = world.source.update(call, deadline=DEADLINE)

        seen = last_call(world)
        found = schemas.faults({"$ref": "CustomerUpdate"}, seen["request_body"], "CustomerUpdate")
        found += schemas.faults({"$ref": "Customer"}, seen["answer_body"], "Customer")
        assert set(found) <= {"Customer.lastModifiedBy: isPlatformClient is not known"}
        assert made.version == seen["answer_body"]["version"] == row["version"] + 1
        assert seen["answer_body"]["lastModifiedBy"]["clientId"] == world.source.client_id
        assert seen["answer_body"]["custom"]["fields"]["newsletter"] is False

    @pytest.mark.parametrize(
        ("version", "action", "expected"),
        [
            (7, {"action": "setFirstName", "firstName": "A"}, ("ConcurrentModificationError", ConflictError)),
            (1, {"action": "setCustomField", "name": "newsletter", "value": "no"}, ("InvalidFieldError", PayloadError)),
            (1, {"action": "setCustomField", "name": "nothing", "value": 1}, ("InvalidFieldError", PayloadError)),
        ],
    )  # fmt: skip
    def test_a_refusal_is_as_the_vendor_specifies(
        self, world: World, schemas: Schemas, version: int, action: Any, expected: tuple[str, type[Exception]]
    ):
        """A conflict names the version there is, and a refusal the field and its value."""
        row, (schema, error) = world.shop.do("sign_up", group="b2c", visible_after_seconds=0), expected

        with pytest.raises(error):
            world.source.update(world.source.prepare_update(row["id"], version, [action]), deadline=DEADLINE)

        (told,) = last_call(world)["answer_body"]["errors"]
        assert schemas.faults({"$ref": schema}, told, schema) == []

    def test_nobody_is_gone(self, world: World):
        """A customer who does not exist is gone, by reading and by writing."""
        id_ = "00000000-0000-4000-a000-000000000000"

        assert world.source.read_customer(id_) is None
        with pytest.raises(GoneError):
            world.source.update(world.source.prepare_update(id_, 1, []), deadline=DEADLINE)

    def test_what_was_granted(self, world_of: Callable[..., World]):
        """The scopes of the token are known, and what they lack is refused by its name."""
        world = world_of("", CTP_SCOPES="view_customers:demo-shop")
        row = world.shop.do("sign_up", visible_after_seconds=0)

        assert world.source.granted() == {"view_customers:demo-shop"}
        with pytest.raises(CredentialsError, match="manage_customers:demo-shop"):
            world.source.update(world.source.prepare_update(row["id"], 1, []), deadline=DEADLINE)

    def test_a_token_that_ended_is_renewed_for_a_write(self, world: World):
        """A write is sent once more with a new token, and takes effect once."""
        row = world.shop.do("sign_up", visible_after_seconds=0)
        world.source.read_customer(row["id"])
        world.source._token = type(world.source._token)(value="gone", until=float("inf"), scope="")
        action = {"action": "setFirstName", "firstName": "New"}

        made = world.source.update(world.source.prepare_update(row["id"], 1, [action]), deadline=DEADLINE)

        assert made.version == 2
