"""The Celery tasks: wake-ups without arguments, one call each. What they do is decided by rows,
never by the message.
"""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down

from config.lib import wake
from executions import alert_mail, dispatcher, executor, prune, readiness, sweep


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
    return executor.drain(slots=1, suspects=True)


@shared_task(name="executions.tick")
def tick() -> None:
    readiness.tick_seen()
    sweep.sweep_if_due()


@shared_task(name=wake.PRUNE)
def prune_old() -> int:
    wake.answered(wake.PRUNE)
    return prune.prune()


@shared_task(name="executions.mail_alerts")
def mail_alerts() -> int:
    return alert_mail.mail_due()


@worker_init.connect
def ready_driver(**_: Any) -> None:
    executor.start()


@worker_shutting_down.connect
def stop_driver(**_: Any) -> None:
    executor.stop()
