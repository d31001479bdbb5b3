"""
The table of beat: what runs, how often, and why so often.

Two beats may run at once: a tick is a row in Postgres that cannot be inserted twice.
"""

from ct_ac_sync.ports import Stream
from workers.app import app, settings
from workers.names import TaskName

#: Profiles may be half a minute old; order mails should leave while the buyer still looks at
#: the screen.  An event is told once all other streams were read past it, so these go together.
EVERY = {
    Stream.CUSTOMERS: settings.customers_every,
    Stream.ORDERS: settings.orders_every,
    Stream.CARTS: settings.carts_every,
    Stream.SHOPPING_LISTS: settings.shopping_lists_every,
    Stream.PAYMENTS: settings.payments_every,
    Stream.MESSAGES: settings.messages_every,
    Stream.CUSTOM_OBJECTS: settings.custom_objects_every,
}

app.conf.beat_schedule = (
    {
        f"extract {stream} of {source.project}": {
            "task": str(TaskName.EXTRACT),
            "schedule": every.total_seconds(),
            "args": [str(stream), source.project],
        }
        for source in settings.sources
        for stream, every in EVERY.items()
        if stream in settings.configuration.streams
    }
    | {
        "dispatch": {
            # Retries and lost rings wait no longer than this.
            "task": str(TaskName.DISPATCH),
            "schedule": settings.tick.total_seconds(),
        },
        "settle": {
            # Imports are applied there some seconds after they were accepted.
            "task": str(TaskName.SETTLE),
            "schedule": settings.tick.total_seconds(),
        },
    }
    | {
        f"deletions of {source.project}": {
            # Whoever is deleted is asked for twice, a minute apart; the ids are swept once a week.
            "task": str(TaskName.DELETIONS),
            "schedule": 60.0,
            "args": [source.project],
        }
        for source in settings.sources
    }
)
