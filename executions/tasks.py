"""The Celery tasks: wake-ups without arguments, one call each. What they do is decided by rows,
never by the message.
"""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import (
    task_prerun,
    worker_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import close_old_connections

from config.lib import counters, threads, wake
from executions import alert_mail, dispatcher, executor, heartbeats, prune, suspects, sweep, trying

_heart = heartbeats.Heart()


@shared_task(name=wake.DISPATCH)
def dispatch_events() -> int:
    wake.answered(wake.DISPATCH)
    return dispatcher.dispatch()


@shared_task(name=wake.WORK)
def work() -> int:
    wake.answered(wake.WORK)
    return executor.drain()


@shared_task(name=wake.WORK_ALONE)
def work_alone() -> int:
    wake.answered(wake.WORK_ALONE)
    threads.limit(suspects.THREADS)
    return executor.drain(suspects=True)


@shared_task(name="executions.tick")
def tick() -> None:
    heartbeats.tell(heartbeats.TICK)
    sweep.sweep_if_due()


@shared_task(name=wake.PRUNE)
def prune_old() -> int:
    wake.answered(wake.PRUNE)
    return prune.prune()


@shared_task(name=wake.TRY)
def try_examples() -> int:
    wake.answered(wake.TRY)
    return trying.try_due()


@shared_task(name="executions.mail_alerts")
def mail_alerts() -> int:
    return alert_mail.mail_due()


@task_prerun.connect
def leave_broken_connections(**_: Any) -> None:
    """As Django does before each request: else one that the server ended would fail every task from then on."""
    close_old_connections()


@worker_init.connect
def ready_driver(**_: Any) -> None:
    executor.start()


@worker_shutting_down.connect
def stop_driver(**_: Any) -> None:
    executor.stop()


@worker_ready.connect
def begin_to_beat(sender: Any, **_: Any) -> None:
    """In the worker's own process, not in those that do its tasks."""
    queues = sender.app.amqp.queues.consume_from.values()
    _heart.start(queue.alias or queue.name for queue in queues)


@worker_shutdown.connect
def end_the_beat(**_: Any) -> None:
    _heart.stop()


@worker_process_shutdown.connect
@worker_shutdown.connect
def hand_over_figures(**_: Any) -> None:
    """A forked process ends without what the interpreter does at its end otherwise."""
    counters.flush()
