"""The e-commerce GraphQL door: orders by upsert, and one order by its id."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Any

import graphql

from ct_ac_sync.sandbox.activecampaign.account import Account, address_fault
from ct_ac_sync.sandbox.activecampaign.commerce import Commerce
from ct_ac_sync.sandbox.service import Reply, Request

#: The vendor's server refuses documents with more tokens; variables do not count.
GRAMMAR_TOKENS = 15_000

SCHEMA = graphql.build_schema(
    (files("ct_ac_sync.sandbox.activecampaign") / "schema.graphql").read_text("utf-8")
)


class _RefusedError(Exception):
    """Orders that the account does not take: fault by ``storeOrderId``."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("Validation errors")
        self.extensions = {
            f"order-{number}-storeOrderId-{id_}": fault for number, (id_, fault) in enumerate(faults.items())
        }


class Ecommerce:
    """Executes GraphQL requests over what shops write."""

    def __init__(self, account: Account, commerce: Commerce) -> None:
        self._account = account
        self._commerce = commerce

    def execute(self, request: Request) -> Reply:
        """Answer a GraphQL request; failures come with status 200, as the vendor's do."""
        body = request.json()
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return Reply(400, {"errors": [{"message": "query is required"}]})
        try:
            tokens = _count_tokens(body["query"])
        except graphql.GraphQLError as error:
            return Reply(200, {"errors": [error.formatted]})
        if tokens > GRAMMAR_TOKENS:
            message = f"Invalid Syntax : More than {GRAMMAR_TOKENS} 'grammar' tokens have been presented."
            return Reply(200, {"errors": [{"message": message}]})
        result = graphql.graphql_sync(
            SCHEMA, body["query"], root_value=self._root(), variable_values=body.get("variables")
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return Reply(200, answer)

    def _root(self) -> dict[str, Any]:
        return {
            "getOrder": lambda _, **keys: self._get(**keys),
            "upsertOrder": lambda _, order: self._upsert([order], via="single")[0],
            "bulkUpsertOrders": lambda _, orders: self._upsert(orders, via="bulk"),
            "bulkUpsertOrdersAsync": lambda _, orders: self._later(orders),
        }

    def _get(self, *, legacyConnectionId: int, storeOrderId: str) -> dict[str, Any] | None:  # noqa: N803
        row = self._commerce.orders.get((legacyConnectionId, storeOrderId))
        return row if row and row["visible_at"] <= datetime.now(UTC) else None

    def _upsert(self, orders: list[dict[str, Any]], *, via: str) -> list[dict[str, Any]]:
        faults = {o["storeOrderId"]: fault for o in orders if (fault := self._fault(o))}
        if faults:
            if via == "bulk" and self._account.switch("order_atomicity") == "valid":
                for order in orders:
                    if order["storeOrderId"] not in faults:
                        self._commerce.upsert_order(order, via=via)
            raise _RefusedError(faults)
        return [self._commerce.upsert_order(order, via=via) for order in orders]

    def _later(self, orders: list[dict[str, Any]]) -> dict[str, str]:
        """Place contacts and customers at once, and the orders within seconds (vendor documentation)."""
        for order in orders:
            if not self._fault(order):
                self._commerce.place_people(order)
                asyncio.get_running_loop().call_later(
                    1, partial(self._commerce.upsert_order, order, via="async")
                )
        return {"recordId": str(uuid.uuid4())}

    def _fault(self, order: Mapping[str, Any]) -> str | None:
        if str(order["legacyConnectionId"]) not in self._commerce.connections:
            return "legacyConnectionId is not known"
        email = order.get("email")
        if not email or address_fault(str(email)):
            return "email is missing or not valid"
        return None


def _count_tokens(document: str) -> int:
    lexer = graphql.Lexer(graphql.Source(document))
    count = 0
    while lexer.advance().kind is not graphql.TokenKind.EOF:
        count += 1
    return count
