"""Runs that wait for a host outside: `release`, asked by every tick, lets them go on when the host is asked again.

While the host is away, one held run at a time is sent ahead to ask whether it is back, another one each time.
Once it answers, the others go back in the queue's order, spread over HOST_RETURN_SECONDS, so that a host that
has just come back is not run over. Which hosts are away is decided in `agents.hosts`; a person is told by one
alert, which puts itself away.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterable
from functools import partial

from django.conf import settings
from django.db import transaction

from agents.models import FailingHost
from agents.models.failing_host import FASTEST
from config.lib import clock
from executions import alerts, gate_locks, statements
from executions.models import AgentGate, AlertKind, Execution
from executions.models.querysets import ExecutionQuerySet

log = logging.getLogger(__name__)
SLOWEST = 5.0  # held runs per second that go back, at least
ASK_AGAIN_SECONDS = 5.0  # a run that was sent ahead has this long to get to its call
FORGET_SECONDS = 3600.0  # a host that nobody has called since
MOVED_AT_ONCE = 100  # of one host, as each costs 0.1 ms; the next tick goes on
OVERDUE = dt.timedelta(hours=24)  # such a run goes on in any case, and ends as failed

_Key = tuple[uuid.UUID, str]
_said: dict[_Key, tuple[dt.datetime, int]] = {}  # what this process told, and up to which position


def release() -> int:
    """Lets go on what may; answers how many runs."""
    now = clock.now()
    rows = {(row.workspace_id, row.host): row for row in FailingHost.objects.all()}
    held: list[_Key] = [(row[0], row[1]) for row in statements.run("select_held_hosts", {})]
    released = sum(_alone(partial(_release, key, rows.get(key), now), host=key[1]) for key in held)
    for key in rows.keys() - set(held):
        _alone(partial(_forget, rows[key], now), host=key[1])
    _tell(rows.values(), now)
    for key in _said.keys() - set(held):
        del _said[key]
    return released


def _alone(look: Callable[[], int], *, host: str) -> int:
    """A host whose row is broken does not keep the others waiting."""
    try:
        with transaction.atomic():
            return look()
    except Exception:
        log.exception("a host was not looked at", extra={"host": host})
        return 0


def _release(key: _Key, row: FailingHost | None, now: dt.datetime) -> int:
    waiting = Execution.objects.held().filter(workspace_id=key[0], held_for=key[1])
    if row is None:
        return _let_go(waiting, int(FASTEST), now)
    with transaction.atomic():
        mine = FailingHost.objects.select_for_update().filter(pk=row.pk).first()
        if mine is None:
            return 0
        if mine.released_at is not None and mine.released_at > now:  # the clock was set back
            mine.released_at = None
        if mine.open_until is None:
            return _return_some(mine, waiting, now)
        if mine.open_until <= now:
            return _send_ahead(mine, waiting, now)
        _say_when(key, waiting, mine.open_until)
        return _give_up_overdue(waiting, now)


def _return_some(host: FailingHost, waiting: ExecutionQuerySet, now: dt.datetime) -> int:
    """As many as the rate allows since the last time, and never more than those of one second. Their calls keep the
    rate too, whatever stood still meanwhile (FailingHostQuerySet.take_place).
    """
    fields = ["is_returning", "return_rate", "released_at"]
    if not host.is_returning or host.return_rate is None:
        fields.append("next_call_at")
        rate = waiting.count() / max(settings.HOST_RETURN_SECONDS, 0.001)
        host.is_returning, host.released_at, host.next_call_at = True, None, None
        host.return_rate = min(max(rate, SLOWEST), FASTEST)
    assert host.return_rate is not None
    seconds = (now - host.released_at).total_seconds() if host.released_at else 1.0
    places = int(host.return_rate * min(max(seconds, 0.0), 1.0))
    if not places:
        return 0
    host.released_at = now
    host.save(update_fields=fields)
    return _let_go(waiting, places, now)


def _send_ahead(host: FailingHost, waiting: ExecutionQuerySet, now: dt.datetime) -> int:
    """One run, each time another, to ask whether the host is back."""
    patience = dt.timedelta(seconds=ASK_AGAIN_SECONDS)
    if host.released_at is not None and now - host.released_at < patience:
        return 0
    host.released_at, host.return_rate = now, None
    host.save(update_fields=["released_at", "return_rate"])
    return _let_go(waiting, 1, now, order=("holds", "attempt", "position"))


def _let_go(
    waiting: ExecutionQuerySet, limit: int, now: dt.datetime, order: tuple[str, ...] = ("position",)
) -> int:
    rows = waiting.order_by(*order).values_list("pk", "agent_id")[:limit]
    found: dict[uuid.UUID, uuid.UUID | None] = dict(rows)
    agents = {pk for pk in found.values() if pk}
    with transaction.atomic():
        gate_locks.of_agents(agents)
        released = Execution.objects.release(found)
        AgentGate.objects.look_again(agents, now=now)
    return released


def _say_when(key: _Key, waiting: ExecutionQuerySet, until: dt.datetime) -> None:
    """People read in `run_at` when the host is asked again. Each tick tells some, in the queue's order; the next one
    goes on behind them until the host's moment changes: what waits for long is not read over and over.
    """
    told, position = _said.get(key, (until, 0))
    following = waiting.filter(position__gt=position if told == until else 0).order_by("position")
    rows = list(following.values_list("pk", "position", "run_at")[:MOVED_AT_ONCE])
    if stale := [pk for pk, _position, run_at in rows if run_at != until]:
        Execution.objects.held().filter(pk__in=stale).update(run_at=until)
    if rows or told != until:
        _said[key] = (until, rows[-1][1] if rows else 0)


def _give_up_overdue(waiting: ExecutionQuerySet, now: dt.datetime) -> int:
    """Also what waits for a model that has failed for too long: it is decided without an answer."""
    patience = dt.timedelta(seconds=settings.JUDGE_RETRY_SECONDS)
    unasked = waiting.filter(verdict="pending", judgement__failed_since__lte=now - patience)
    return _let_go(unasked, MOVED_AT_ONCE, now) + _give_up_runs(waiting, now)


def _give_up_runs(waiting: ExecutionQuerySet, now: dt.datetime) -> int:
    oldest = waiting.order_by("position").values_list("pk", "started_at")[:100]
    overdue = [pk for pk, started_at in oldest if started_at and now - started_at > OVERDUE]
    return _let_go(waiting.filter(pk__in=overdue), len(overdue), now) if overdue else 0


def _forget(row: FailingHost, now: dt.datetime) -> int:
    """A host that nothing waits for: well again, all gone back, or not called for an hour."""
    old = now - dt.timedelta(seconds=FORGET_SECONDS)
    same = FailingHost.objects.filter(pk=row.pk)
    if row.open_until is None and row.is_returning:
        return same.filter(open_until=None).update(is_returning=False, return_rate=None)
    if row.open_until is None and row.failures == 0:
        return same.filter(open_until=None, failures=0).delete()[0]
    if row.failed_at and row.failed_at < old and (row.open_until or old) <= old:
        return same.filter(failed_at=row.failed_at).delete()[0]
    return 0


def _tell(rows: Iterable[FailingHost], now: dt.datetime) -> None:
    """One alert per outage; it is put away when the host answers."""
    away = [row for row in rows if row.open_until is not None]
    told = alerts.open_ones(AlertKind.HOST_AWAY)
    for row in away:
        if (row.workspace_id, _dedupe_key(row)) not in told:
            _alone(partial(_raise, row), host=row.host)
    kept = {_dedupe_key(row) for row in away}
    over = [pk for (_, key), pk in told.items() if key not in kept]
    if over:
        alerts.close(over, now=now)


def _raise(row: FailingHost) -> int:
    message = f"{row.name} is away: {row.error} Runs that need it wait, and go on by themselves."
    return alerts.raise_alert(
        row.workspace_id,
        AlertKind.HOST_AWAY,
        message[:2000],
        dedupe_key=_dedupe_key(row),
        cause=f"host:{row.pk}",
    )


def _dedupe_key(row: FailingHost) -> str:
    since = f"{row.away_since:%Y%m%d%H%M%S%f}" if row.away_since else ""
    return f"host:{row.pk}:{since}"
