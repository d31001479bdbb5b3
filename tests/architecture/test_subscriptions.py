"""Every place in the product that can put somebody on a list: one door, behind the verdict."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(
    path
    for folder in ("ct_ac_sync", "workers", "schedules")
    for path in (ROOT / folder).rglob("*.py")
    if "sandbox" not in path.parts
)
#: What of the vendor's can begin a membership, or say that somebody accepts marketing.
DOORS = {
    "/contactLists": {
        "clients/activecampaign/destination.py:prepare_subscription",
        "clients/activecampaign/destination.py:prepare_unsubscription",
        "clients/activecampaign/memberships.py:page_memberships",
        "clients/activecampaign/memberships.py:fetch_standings",
    },
    "acceptsMarketing": {
        "clients/activecampaign/destination.py:prepare_new_customer",
        "schemas/activecampaign/outbound.py:dump_order",
    },
    "smsMarketingState": {"schemas/activecampaign/outbound.py:_sms_state"},
    "listId": set(),
    "listid": set(),
    "subscribe": set(),
    "smsConsentUpdatedDate": {"schemas/activecampaign/outbound.py:_sms_state"},
}


@cache
def functions(path: Path) -> tuple[tuple[str, ast.AST], ...]:
    """Return each function of a module under its place."""
    return tuple(_functions(path))


def _functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield (
                f"{path.relative_to(ROOT / 'ct_ac_sync') if 'ct_ac_sync' in path.parts else path}:{node.name}",
                node,
            )


def texts(node: ast.AST) -> Iterator[str]:
    """Give the texts of a function that are no docstring."""
    docstring = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef) else None
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value != docstring:
            yield each.value


class TestDoors:
    def test_nobody_else_speaks_of_subscriptions(self):
        """Each word of the vendor's that may begin a membership stands where it is known to, and nowhere else."""
        found = {
            word: {
                place
                for path in PRODUCT
                for place, node in functions(path)
                if "clients" in place or "schemas" in place
                if any(word in text if word.startswith("/") else word == text for text in texts(node))
            }
            for word in DOORS
        }

        assert found == DOORS

    def test_a_new_customer_never_accepts_marketing(self):
        """Who is made a customer without an order does not accept marketing by that."""
        (path,) = (each for each in PRODUCT if each.name == "destination.py")

        assert path.read_text("utf-8").count('"acceptsMarketing": "0"') == 1
        assert path.read_text("utf-8").count("acceptsMarketing") == 1

    def test_only_the_verdict_prepares_one(self):
        """Of all that can be prepared, a subscription is prepared by the consents of a destination alone."""
        found = {
            place
            for path in PRODUCT
            for place, node in functions(path)
            for each in ast.walk(node)
            if isinstance(each, ast.Attribute) and each.attr == "prepare_subscription"
        }

        assert found == {"sync/consents.py:prepare"}

    def test_only_the_verdict_speaks_on_orders(self):
        """What an order says of its buyer's consent is made by the consents of a destination alone."""
        found = {
            place
            for path in PRODUCT
            for place, node in functions(path)
            for each in ast.walk(node)
            if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "OrderConsent"
        }

        assert found == {"sync/consents.py:on_order"}

    def test_only_one_call_begins_a_membership(self):
        """The kind of call that begins a membership is made in one function."""
        found = {
            place
            for path in PRODUCT
            for place, node in functions(path)
            for each in ast.walk(node)
            if isinstance(each, ast.keyword) and each.arg == "kind"
            if isinstance(each.value, ast.Attribute) and each.value.attr == "SUBSCRIBE"
        }

        assert found == {"clients/activecampaign/destination.py:prepare_subscription"}
