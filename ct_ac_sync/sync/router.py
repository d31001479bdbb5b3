"""Router: where a record goes, by the configured routes."""

from ct_ac_sync.configuration.values import Condition, Configuration, Route
from ct_ac_sync.mapping.evaluate import Lookup
from ct_ac_sync.mapping.narrow import narrowed
from ct_ac_sync.mapping.routes import Choice, RouteFacts, choose, facts_of_customer, facts_of_order
from ct_ac_sync.ports import Json


class Router:
    """
    Chooses a route for each record.

    Of a customer the route asks itself; of an order itself, and its *customer* for what it does
    not say.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._routes = configuration.routes
        self._hosts = {each.name: each.host for each in configuration.destinations}
        self._sources = configuration.sources
        #: Whether any route asks anything, and so perhaps an order's customer.
        self.asks = any(route.when != Condition() for route in self._routes)

    def choose(
        self, source: str, body: Json, lookup: Lookup, *, is_customer: bool, customer: Json | None = None
    ) -> Choice:
        """Return the route of a record of *source*, and why those before it did not hold."""
        facts = self._facts(source, body, lookup, is_customer=is_customer, customer=customer)
        return choose(self._routes, facts, self._sources)

    def places(
        self, source: str, body: Json, lookup: Lookup, *, is_customer: bool, customer: Json | None = None
    ) -> tuple[str, ...]:
        """Return the names of the destinations a record goes to; none where no route takes it."""
        return self.places_of(self.choose(source, body, lookup, is_customer=is_customer, customer=customer))

    def places_of(self, choice: Choice) -> tuple[str, ...]:
        """Return the same of a choice that was made."""
        route = choice.route
        return (self._hosts[route.destination],) if route and route.destination else ()

    def route_at(
        self,
        destination: str,
        source: str,
        body: Json,
        lookup: Lookup,
        *,
        is_customer: bool,
        customer: Json | None = None,
    ) -> Route | None:
        """
        Return the route by which a record is at *destination*.

        What was sent is kept right, even if its route leads elsewhere by now: then it is the
        first that leads here.
        """
        here = [
            each for each in self._routes if each.destination and self._hosts[each.destination] == destination
        ]
        facts = self._facts(source, body, lookup, is_customer=is_customer, customer=customer)
        found = choose(here, facts, self._sources).route
        return found or next(iter(here), None)

    def _facts(
        self, source: str, body: Json, lookup: Lookup, *, is_customer: bool, customer: Json | None
    ) -> RouteFacts:
        needed = narrowed(lookup, (route.when for route in self._routes))
        if is_customer:
            return facts_of_customer(source, body, lookup=needed)
        return facts_of_order(source, body, customer, lookup=needed)
