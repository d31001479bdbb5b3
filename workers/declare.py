"""The one typed way to declare a task: a function of ids that returns nothing."""

from collections.abc import Callable
from typing import Any, ParamSpec

from workers.app import app
from workers.names import TaskName

P = ParamSpec("P")


def task(name: TaskName) -> Callable[[Callable[P, None]], Any]:
    """Return a decorator that makes a task; limits, routes and acknowledgement are the app's."""

    def declare(function: Callable[P, None]) -> Any:
        return app.task(name=str(name))(function)

    return declare
