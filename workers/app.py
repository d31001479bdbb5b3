"""
The Celery application.

Redis is a doorbell: everything that must survive is in Postgres.  So Celery's own
retries, countdowns, rate limits and results are off; each of them loses or doubles work
on Redis in some failure.  The settings below say why, one by one.
"""

import os
from datetime import timedelta

from celery import Celery
from kombu import Queue as KombuQueue

from ct_ac_sync.settings import Settings, read_settings, redis_tls
from workers.broker import speak_redis_our_way
from workers.flower.option import with_our_pages
from workers.names import Queue, TaskName

#: Seconds after which an unacknowledged ring is given to another worker: a second line
#: only, since dispatch rings again from Postgres.
VISIBILITY_SECONDS = 300


def transport_options(settings: Settings) -> dict[str, object]:
    """Return the broker's options."""
    is_fast = settings.tick <= timedelta(seconds=1)
    return {
        "visibility_timeout": VISIBILITY_SECONDS,
        "global_keyprefix": "sync:",
        "queue_order_strategy": "round_robin",
        # Without these a frozen Redis blocks a publisher for ever.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        # A repeated LPUSH after a time-out would ring twice.
        "retry_on_timeout": False,
        "unacked_restore_interval": 1 if is_fast else 10,
        "unacked_restore_throttle": 1 if is_fast else 3,
    }


def configure(settings: Settings) -> dict[str, object]:
    """Return Celery's configuration."""
    control = {"queue": Queue.CONTROL}
    return {
        "broker_url": settings.redis_url,
        "broker_transport_options": transport_options(settings),
        # A bare rediss:// would be spoken without looking at the certificate, and Flower asks for these.
        "broker_use_ssl": redis_tls(settings.redis_url) or None,
        "visibility_timeout": VISIBILITY_SECONDS,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # never give up
        "result_backend": None,
        "task_ignore_result": True,
        "task_queues": [KombuQueue(each) for each in Queue],
        "task_default_queue": Queue.CONTROL,
        "task_create_missing_queues": False,
        # Deliver is addressed by its recipient's lane; all others go to control.
        "task_routes": {each: control for each in TaskName if each is not TaskName.DELIVER},
        "task_acks_late": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        # True would cut healthy calls at every blip of Redis.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_soft_time_limit": settings.soft.total_seconds(),
        "task_time_limit": settings.hard.total_seconds(),
        "task_publish_retry": False,
        "worker_soft_shutdown_timeout": 30,
        "worker_max_tasks_per_child": 2000,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": True,
        "task_send_sent_event": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
        "timezone": "UTC",
        # A static table: no file that outlives its code, and a pulse.
        "beat_scheduler": "schedules.scheduler:PulsingScheduler",
        "beat_max_loop_interval": min(5.0, settings.tick.total_seconds()),
        "include": [
            "workers.tasks",
            "workers.heartbeat",
            "workers.lifecycle",
            "workers.liveness",
            "workers.metrics",
            "schedules.beat",
        ],
    }


speak_redis_our_way()
settings = read_settings(os.environ)
app = Celery("ct-ac-sync")
app.conf.update(configure(settings))
app.user_options["preload"].add(with_our_pages)
