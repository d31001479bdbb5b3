"""
The table of beat: what runs, how often, and why so often.

Two beats may run at once: a tick is a row in Postgres that cannot be inserted twice.
"""

from ct_ac_sync.ports import Stream
from workers.app import app, settings
from workers.names import TaskName

app.conf.beat_schedule = {
    "extract customers": {
        # Profiles may be half a minute old.
        "task": str(TaskName.EXTRACT),
        "schedule": settings.customers_every.total_seconds(),
        "args": [str(Stream.CUSTOMERS)],
    },
    "extract orders": {
        # Order mails should leave while the buyer still looks at the screen.
        "task": str(TaskName.EXTRACT),
        "schedule": settings.orders_every.total_seconds(),
        "args": [str(Stream.ORDERS)],
    },
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
