"""The names of tasks and queues, and which task goes where."""

from enum import StrEnum


class TaskName(StrEnum):
    """Every task there is."""

    EXTRACT = "ct_ac_sync.extract"
    GO_ON = "ct_ac_sync.go_on"
    DELIVER = "ct_ac_sync.deliver"
    DISPATCH = "ct_ac_sync.dispatch"
    SETTLE = "ct_ac_sync.settle"
    DELETIONS = "ct_ac_sync.deletions"


class Queue(StrEnum):
    """Every queue that workers consume; lanes have one each."""

    CONTROL = "control"
    CONSENT = "consent"
    LIVE = "live"
    REPLAY = "replay"
    BACKFILL = "backfill"
