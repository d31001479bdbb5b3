"""A container per process, built at first use: connections never cross a fork."""

import os

from ct_ac_sync.bootstrap import Container, build
from ct_ac_sync.observability import configure_logs
from workers.app import app, settings
from workers.doorbell import CeleryDoorbell

_containers: dict[int, Container] = {}


def container() -> Container:
    """Return this process's container."""
    pid = os.getpid()
    if pid not in _containers:
        configure_logs()
        _containers.clear()
        _containers[pid] = build(settings, doorbell=CeleryDoorbell(app))
    return _containers[pid]
