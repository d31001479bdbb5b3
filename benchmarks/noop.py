"""The product's Celery application with one task more, which does nothing."""

from workers import heartbeat, tasks
from workers.app import app

__all__ = ["app", "heartbeat", "tasks"]


@app.task(name="benchmark.noop")  # type: ignore[untyped-decorator]
def noop(number: int) -> None:
    """Do nothing."""
