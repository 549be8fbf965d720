"""The Celery application: three queues, each with its own kind of worker (the table of processes is in the README)."""

from __future__ import annotations

import os

from celery import Celery
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("triggerfish")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name, routing_key=name) for name in ("dispatch", "execute", "alone")]
app.conf.task_routes = {
    "executions.work": {"queue": "execute"},
    "executions.work_alone": {"queue": "alone"},
}
app.autodiscover_tasks()
