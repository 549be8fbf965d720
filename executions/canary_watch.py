"""Who watches the synthetic events: a thread in each web process and each listener, so that it does not depend on the
scheduler and the workers that it watches.

Any number of them watch at once; rows keep it to one alert and one letter, which is written here, not by a worker. A
watcher believes only what it has seen itself: a system that was off, or a database that was away, is given
CANARY_LIMIT_SECONDS to catch up before anybody is alarmed.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import uuid

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from executions import alert_mail, alerts, canary, health
from executions.canary import State
from executions.models import Alert, AlertKind, Canary

log = logging.getLogger(__name__)

LOOKS = 12  # in CANARY_LIMIT_SECONDS
LONGEST_WAIT_SECONDS = 5.0
_KEY = "canary"  # of the alert; select_canaries.sql knows it too


class Watcher:
    """Looks every few seconds, on a connection that it does not keep, from `start` until `stop`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._began_at: dt.datetime | None = None  # by the database's clock, as the next one
        self._looked_at: dt.datetime | None = None
        self._is_blind = False

    def start(self) -> None:
        if canary.is_on():
            self._thread = threading.Thread(target=self._watch, name="canary", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        """One statement where all is well."""
        states = canary.states()
        for name in set(canary.CLASSES) - {state.name for state in states}:
            canary.ensure(name)
        for state in states:
            self._remember(state.now)
            if state.is_alerted != state.is_late and (state.is_alerted or self._has_seen_enough()):
                _settle(state)
        if any(state.is_late for state in states):
            alert_mail.mail_due(of=[state.workspace_id for state in states])

    def _remember(self, now: dt.datetime) -> None:
        """A gap, or a clock that was set, begins the watch anew."""
        limit = dt.timedelta(seconds=settings.CANARY_LIMIT_SECONDS)
        gap = now - self._looked_at if self._looked_at else limit
        if self._began_at is None or not dt.timedelta() <= gap < limit / 2:
            self._began_at = now
        self._looked_at = now

    def _has_seen_enough(self) -> bool:
        assert self._began_at is not None
        assert self._looked_at is not None
        seen = self._looked_at - self._began_at
        return bool(seen.total_seconds() >= settings.CANARY_LIMIT_SECONDS)

    def _watch(self) -> None:
        pause = min(LONGEST_WAIT_SECONDS, settings.CANARY_LIMIT_SECONDS / LOOKS)
        while not self._stopped.wait(pause):
            try:
                self.look()
                self._is_blind = False
            except (OperationalError, InterfaceError) as error:
                self._tell_blind(error)
            except Exception:
                log.exception("cannot look whether events are answered")
            finally:
                connection.close()

    def _tell_blind(self, error: Exception) -> None:
        """Once: `/readyz` says it to whoever asks, and no row can say it to anybody."""
        if not self._is_blind:
            said = "cannot look whether events are answered, the database is away"
            log.error(said, extra={"why": str(error).strip()})
        self._is_blind = True


def _settle(seen: State) -> None:
    """Raises the alert or closes it, unless another watcher does so just now."""
    why = _why() if seen.is_late else ""  # before the transaction: it may take a second
    with transaction.atomic():
        row = Canary.objects.select_for_update(skip_locked=True).filter(pk=seen.name).first()
        state = next((one for one in canary.states() if one.name == seen.name), None)
        if row is None or state is None or state.is_alerted == state.is_late:
            return
        if state.is_late:
            _alarm(state.workspace_id, why)
            row.late += 1
            row.save(update_fields=["late"])
        else:
            _end(state.workspace_id, now=state.now)
    lag = {"workspace_class": state.name, "lag_seconds": round(state.lag, 3)}
    if state.is_late:
        log.error("events are answered late", extra=lag)
    else:
        log.warning("events are answered in time again", extra=lag)


def _why() -> str:
    worse = [part.message for part in health.look().values() if part.status in ("down", "unknown")]
    return " ".join(worse) or "No part is down: look at what waits."


def _alarm(workspace_id: uuid.UUID, why: str) -> None:
    limit = settings.CANARY_LIMIT_SECONDS
    alerts.raise_alert(
        workspace_id,
        AlertKind.LAG,
        f"A synthetic event was not answered within {limit:g} s, so events of people are not either. {why}",
        dedupe_key=_KEY,
        counts=False,
    )


def _end(workspace_id: uuid.UUID, *, now: dt.datetime) -> None:
    late = Alert.objects.filter(workspace_id=workspace_id, dedupe_key=_KEY)
    alerts.resolve(late, user_id=None, now=now)
