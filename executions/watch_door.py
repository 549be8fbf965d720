"""What a listener gives to one watcher: a way to record events, and to say how it goes.

Every write is fenced by the source's lease, so that a listener that was taken for dead records nothing more.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from config.lib import actors, clock, json
from config.lib.threads import in_thread
from executions import alerts, live, notices
from executions.models import TERMINAL, AlertKind, Execution
from triggers import events, leases, sources
from triggers.models import DeadLetter, Event, EventState, Trigger, TriggerStatus, Watch
from triggers.watching import Received, SourceBroken, State

log = logging.getLogger(__name__)

MAX_TRIES = 5  # of one message
BODY_KEPT = 20_000  # characters of a dead letter
ROOM_AT_ONCE = 100  # letters deleted for a new one: more than one where the bound was lowered
ENDED_EVERY_SECONDS = 0.3
STEADY_SECONDS = 10.0  # what breaks down sooner has worked for a moment only


class WatchDoor:
    """`triggers.watching.Door` for one source while this listener holds it. `failures`: in a row, so far."""

    def __init__(self, trigger: Trigger, watch: Watch) -> None:
        """`watch` as it was read while it was held."""
        self.trigger = trigger
        self.watch = watch
        source = sources.of(trigger)
        self.config = source.opened(trigger.config, sealed=trigger.sealed)
        self.failures = watch.failures
        self._state: State = watch.state
        self._put_in_error = watch.put_in_error
        self.on_trial = False
        self._worked_at: float | None = None
        self._steadying: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def was_brief(self) -> bool | None:
        """Whether it worked for a moment only; None where it never did."""
        at = self._worked_at
        return None if at is None else time.monotonic() - at < STEADY_SECONDS

    async def works(self) -> None:
        """On trial, because it broke down at once time and again, failures are forgotten only when it lasts."""
        self._worked_at = time.monotonic()
        if self.on_trial:
            since = clock.reckoned()
            await in_thread(leases.fence, self.watch, works_since=since)
            self._steadying = asyncio.create_task(self._steady(since))
            return
        await in_thread(self._work)
        self.failures = 0

    async def close(self) -> None:
        if self._steadying is not None:
            self._steadying.cancel()
            await asyncio.wait({self._steadying})

    async def _steady(self, since: dt.datetime) -> None:
        while self.on_trial:
            await asyncio.sleep(STEADY_SECONDS)
            try:
                await in_thread(self._work, since)
                self.failures, self.on_trial = 0, False
            except leases.LeaseLost:
                return
            except Exception:
                log.exception("that a source works could not be written down, trying again")

    async def note(self, text: str) -> None:
        await in_thread(leases.fence, self.watch, note=text[:500])

    async def store(
        self,
        received: Sequence[Received],
        *,
        state: State | None = None,
        also: Callable[[], None] | None = None,
    ) -> list[uuid.UUID]:
        if not received and state is None and also is None:
            return []
        return await in_thread(self._store, received, state, also)

    async def ended(self, events: Sequence[uuid.UUID]) -> None:
        left = set(events)
        while left := await in_thread(_not_ended, left):  # noqa: ASYNC110
            await asyncio.sleep(ENDED_EVERY_SECONDS)  # runs end in other processes

    async def bury(
        self, key: str, error: str, *, body: bytes, headers: dict[str, Any], at_once: bool
    ) -> bool:
        return await in_thread(self._bury, key, error, body=body, headers=headers, at_once=at_once)

    async def waiting(self, count: int | None) -> None:
        await in_thread(leases.fence, self.watch, waiting=count)

    def _work(self, since: dt.datetime | None = None) -> None:
        now = clock.now()
        with transaction.atomic():
            self._fence(
                works_since=since or now, failures=0, failing_since=None, last_error="", note=""
            )
            if self._put_in_error:
                self._recover(now)

    def _recover(self, now: dt.datetime) -> None:
        """Only an error that we set: one that came from failing runs is a person's to take back."""
        self._fence(put_in_error=False)
        self._put_in_error = False
        mine = Trigger.objects.filter(pk=self.trigger.pk, status=TriggerStatus.ERROR)
        if mine.update(status=TriggerStatus.ACTIVE, last_error=""):
            alerts.settle(AlertKind.TRIGGER_ERROR, trigger_id=self.trigger.pk, now=now)
            log.info("a source works again", extra={"trigger": str(self.trigger.pk)})

    def _store(
        self,
        received: Sequence[Received],
        state: State | None,
        also: Callable[[], None] | None = None,
    ) -> list[uuid.UUID]:
        now = clock.reckoned()
        fields: dict[str, Any] = {} if state is None else {"state": state}
        if received:
            sent = [one.sent_at for one in received if one.sent_at]
            lag = max(0, round((now - max(sent)).total_seconds() * 1000)) if sent else None
            fields |= {
                "received": F("received") + len(received),
                "last_event_at": now,
                "lag_ms": lag,
            }
        drafts = [self._draft(one) for one in received]
        with transaction.atomic(), actors.acting_as("system"):
            self._fence(**fields)
            recorded = events.emit_many(drafts)
            if also:
                also()
        if state is not None:
            self._state = state
        return [event.pk for event in recorded]

    def _draft(self, one: Received) -> events.Draft:
        return events.Draft(
            one.type,
            self.trigger.workspace_id,
            one.payload,
            topic=one.topic or self.trigger.topic,
            subject=one.subject,
            source=self.trigger.trigger_type,
            dedupe_key=f"{self.trigger.pk}:{one.key}" if one.key else "",
            occurred_at=one.sent_at,
        )

    def _bury(
        self, key: str, error: str, *, body: bytes, headers: dict[str, Any], at_once: bool
    ) -> bool:
        with transaction.atomic():
            self._fence()
            letter, _ = DeadLetter.objects.select_for_update().get_or_create(
                trigger=self.trigger, key=key[:100]
            )
            letter.tries += 1
            letter.is_dead = at_once or letter.tries >= MAX_TRIES
            letter.error = json.sanitise(error[:2000])
            letter.body = json.sanitise(body[:BODY_KEPT].decode("utf-8", "replace"))
            letter.headers = json.sanitise(headers, max_bytes=BODY_KEPT)
            letter.size = len(body)
            letter.save()
            if letter.is_dead:
                self._make_room()
                self._tell_dead(letter)
        return letter.is_dead

    def _make_room(self) -> None:
        """A queue of nothing but rubbish must not fill the disk: the oldest letters go. Index dead_letter_newest."""
        mine = DeadLetter.objects.filter(trigger=self.trigger, is_dead=True).order_by("-pk")
        surplus = mine.values_list("pk", flat=True)[settings.DEAD_LETTERS_KEPT :][:ROOM_AT_ONCE]
        if beyond := list(surplus):
            DeadLetter.objects.filter(pk__in=beyond).delete()

    def _tell_dead(self, letter: DeadLetter) -> None:
        log.warning(
            "a message was given up",
            extra={"trigger": str(self.trigger.pk), "of": letter.key, "tries": letter.tries},
        )
        alerts.raise_alert(
            self.trigger.workspace_id,
            AlertKind.DEAD_EVENT,
            f"{self.trigger.name}: a message could not be made an event and was put aside, and perhaps more of them. "
            f"{letter.error}"[:1000],
            trigger=self.trigger,
            agent=self.trigger.agent,
            dedupe_key=f"dead_letter:{self.trigger.pk}",
        )

    def _fence(self, **fields: Any) -> None:
        leases.fence(self.watch, **fields)


def fail(door: WatchDoor | None, trigger_id: uuid.UUID, lease: uuid.UUID, error: Exception) -> None:
    """Writes a failure down. The trigger goes into error, with one alert, where it is one too many or beyond trying."""
    now = clock.now()
    message = str(error)[:2000] or type(error).__name__
    watch = door.watch if door else Watch.objects.filter(pk=trigger_id, lease=lease).first()
    if watch is None:
        raise leases.LeaseLost
    failures = (door.failures if door else watch.failures) + 1
    with transaction.atomic():
        leases.fence(watch, failures=failures, works_since=None, last_error=message)
        Watch.objects.filter(pk=trigger_id, failing_since=None).update(failing_since=now)
        if failures >= settings.SOURCE_FAILURES or isinstance(error, SourceBroken):
            _put_in_error(trigger_id, message)
    if door:
        door.failures = failures


def _put_in_error(trigger_id: uuid.UUID, message: str) -> None:
    if not Trigger.objects.fail(trigger_id, message=message):
        return
    Watch.objects.filter(pk=trigger_id).update(put_in_error=True)
    trigger = Trigger.objects.select_related("agent").get(pk=trigger_id)
    alerts.raise_alert(
        trigger.workspace_id,
        AlertKind.TRIGGER_ERROR,
        f"{trigger.name} cannot listen: {message} It is tried again and goes on by itself when that works."[
            :2000
        ],
        trigger=trigger,
        agent=trigger.agent,
        dedupe_key=f"source:{trigger_id}",
    )
    news = notices.trigger_error(trigger_id=trigger_id, agent_id=trigger.agent_id, message=message)
    live.push(trigger.workspace_id, news)


def _not_ended(ids: set[uuid.UUID]) -> set[uuid.UUID]:
    """Events that nobody has looked at yet, and those with a run that has not ended."""
    new = Event.objects.filter(pk__in=ids, state=EventState.NEW).values_list("pk", flat=True)
    open_runs = Execution.objects.filter(event__in=ids).exclude(status__in=TERMINAL)
    return {*new, *open_runs.values_list("event_id", flat=True)}
