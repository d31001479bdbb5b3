"""Flower's broker page, with the dead-letter lists below the queues."""

from typing import Any

from ct_ac_sync.ports import Lane
from workers.flower.door import FlowerBrokerHandler
from workers.letters import list_name


class BrokerPage(FlowerBrokerHandler):
    """Shows what waits in Redis: rings in queues, and the numbers of dead letters in lists."""

    def get_active_queue_names(self) -> list[str]:
        """Return the queues that workers consume, and the lists that nobody does."""
        return [*super().get_active_queue_names(), *(list_name(lane) for lane in Lane)]

    def render(self, template_name: str, **given: Any) -> "Any":
        """Show as ready what waits: for Redis they are one, and a narrow screen shows only this column."""
        for queue in given.get("queues", ()):
            queue.setdefault("messages_ready", queue.get("messages"))
        return super().render(template_name, **given)
