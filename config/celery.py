"""The Celery application; its three queues, each with its own kind of worker, are in the settings and in the README.

Workers and beat ask a broker that is away every two seconds, for as long as it takes: kombu by itself lets half a
minute pass between two tries, and work would stand still for as long after an outage.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import kombu
from celery import Celery
from celery.app import amqp
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

LONGEST_WAIT_SECONDS = 2.0


class _Connection(kombu.Connection):
    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        return super().ensure_connection(*args, **{"interval_max": LONGEST_WAIT_SECONDS, **options})


class _AMQP(amqp.AMQP):
    Connection = _Connection


class _App(Celery):
    @cached_property
    def Beat(self) -> Any:  # noqa: N802 - Celery's name for it
        return self.subclass_with_self("config.lib.orderly_beat:OrderlyBeat")  # type: ignore[arg-type]  # takes a name, too


app = _App("triggerfish", amqp=_AMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_routes = {
    "executions.work": {"queue": "execute"},
    "executions.work_alone": {"queue": "alone"},
}
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**_: Any) -> None:
    """That somebody listens keeps Celery from setting up logging its own way: in workers too, the settings hold."""
