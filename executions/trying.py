"""Trying the examples of conditions in words: when a trigger is saved or enabled, by hand, and when its model changed.

A trigger that shall listen has its examples tried in the request that says so, before its transaction begins, side by
side and for `EXAMPLES_SECONDS` at most: the person gets the answer with the results, and nothing untested runs. All
else is tried by the agents process, from rows that are due (`try_due`). What models take counts on the agent's budgets.

A trigger that listens already goes on where its model is away or fails its examples by now: an alert says so, and a
person decides. It could not be switched on again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from config.lib import clock, waits, wake
from config.lib.ids import uuid7
from executions import alerts, launch
from executions.budgets import RunMeter
from executions.models import AgentGate, AlertKind
from triggers import activation, trials
from triggers.models import ConditionTrial, Trigger, TriggerStatus
from triggers.problems import ExamplesFailed, ExamplesUntried
from triggers.trials import Asked, Tried

log = logging.getLogger(__name__)

BACKGROUND_SECONDS = 60.0  # of one trigger, where nobody waits for the answer
LEASE = dt.timedelta(minutes=3)
ROWS_AT_ONCE = 100
PASS_SECONDS = 120.0  # of one task; the next tick goes on


@dataclass(frozen=True, slots=True)
class Standing:
    """How a trigger stood before a change: whether it listened, and what of its conditions needs no new trial."""

    enabled: bool = False
    fingerprints: frozenset[str] = frozenset()


def standing(trigger: Trigger) -> Standing:
    if trigger._state.adding or not trigger.enabled:
        return Standing()
    return Standing(True, frozenset(one.fingerprint for one in trials.wanted(trigger)))


def ahead(draft: Trigger, *, before: Standing) -> list[Tried]:
    """Tries what a trigger needs to listen as it is drafted, and what is not known yet. Not in a transaction."""
    if not draft.enabled:
        return []
    asked = [one for one in trials.wanted(draft) if one.fingerprint not in before.fingerprints]
    known = {row.fingerprint for row in activation.rows_of(draft)}
    asked = [one for one in asked if one.fingerprint not in known]
    try:
        return _run(draft, asked)
    except waits.Busy as busy:  # then it is stored paused, and tried soon
        return [Tried(one, error=str(busy)) for one in asked]


def admit(draft: Trigger, *, before: Standing, tried: Sequence[Tried]) -> list[str]:
    """Lets a drafted trigger listen, or pauses it until its examples were tried, with a warning.

    Raises ExamplesFailed where the model judges too many of them otherwise.
    """
    if not draft.enabled:
        return []
    refused = activation.refusal(draft, fresh=tried, but=before.fingerprints)
    if refused is None:
        return []
    if not isinstance(refused, ExamplesUntried):
        raise refused
    draft.status, draft.waits_for_examples = TriggerStatus.PAUSED, True
    path, messages = next(iter(refused.problems.items()))
    return [
        f"Stored paused: the examples could not be tried. {path}: {messages[0]} "
        "The trigger listens by itself as soon as they were tried and pass."
    ]


def keep(trigger: Trigger, *, before: Standing, tried: Sequence[Tried]) -> None:
    """Records what was tried ahead, once the trigger is saved; call it in the same transaction."""
    if tried:
        trials.record(trigger, tried, now=clock.now())
    if before.fingerprints or trials.has_examples(trigger.conditions):
        conclude(fresh(trigger))
        wake.triers()


def try_now(trigger: Trigger, *, paths: Collection[str] | None = None) -> list[Tried]:
    """All examples of a stored trigger, or those of the conditions at `paths`, anew. Not in a transaction.

    Raises waits.Busy.
    """
    asked = _follow(trigger)
    return _try(trigger, [one for one in asked if paths is None or one.path in paths])


def ensure(trigger: Trigger) -> None:
    """Tries what is not known yet of a stored trigger that shall be switched on. Not in a transaction.

    Raises waits.Busy.
    """
    asked = _follow(trigger)
    known = {row.fingerprint for row in ConditionTrial.objects.filter(trigger=trigger)}
    _try(trigger, [one for one in asked if one.fingerprint not in known])


def try_due() -> int:
    """What is due, in the background; answers how many triggers were tried."""
    began, tried = time.monotonic(), 0
    for trigger, paths in _taken(clock.now()):
        try:
            due = [one for one in _follow(trigger) if one.path in paths]
            _try(trigger, due, seconds=BACKGROUND_SECONDS)
        except Exception:
            log.exception("examples could not be tried", extra={"trigger": str(trigger.pk)})
            connection.close_if_unusable_or_obsolete()
        tried += 1
        if time.monotonic() - began > PASS_SECONDS:
            break
    return tried


def conclude(trigger: Trigger) -> None:
    """What follows of the results: it begins to listen where it waited for them; an alert where they fail."""
    refused = activation.refusal(trigger)
    if refused is None:
        alerts.settle(AlertKind.EXAMPLES, trigger_id=trigger.pk, now=clock.now())
        if trigger.waits_for_examples and not trigger.enabled:
            launch.resume(trigger)
    elif isinstance(refused, ExamplesFailed) and (trigger.enabled or trigger.waits_for_examples):
        _alert(trigger, refused)
        Trigger.objects.filter(pk=trigger.pk).update(waits_for_examples=False)


def _alert(trigger: Trigger, refused: ExamplesFailed) -> None:
    what = "It goes on" if trigger.enabled else "It stays paused"
    first = next(iter(refused.problems.values()))[0]
    alerts.raise_alert(
        trigger.workspace_id,
        AlertKind.EXAMPLES,
        f"A model judges examples of {trigger.name} otherwise than expected. {first[:300]} {what}; look at them.",
        trigger=trigger,
        agent_id=trigger.agent_id,
        dedupe_key=f"examples:{trigger.pk}",
        counts=False,
    )


def _try(trigger: Trigger, asked: Sequence[Asked], *, seconds: float | None = None) -> list[Tried]:
    if not asked:
        return []
    tried = _run(trigger, asked, seconds=seconds)
    trials.record(trigger, tried, now=clock.now())
    conclude(fresh(trigger))
    return tried


def _follow(trigger: Trigger) -> list[Asked]:
    """What is to be tried now; that of it which changed is not due for anybody else meanwhile."""
    return trials.follow(trigger, due_at=clock.now() + LEASE)


def _run(trigger: Trigger, asked: Sequence[Asked], *, seconds: float | None = None) -> list[Tried]:
    if not asked:
        return []
    return run(
        asked,
        workspace_id=trigger.workspace_id,
        agent_id=trigger.agent_id,
        seconds=seconds,
    )


def run(
    asked: Sequence[Asked],
    *,
    workspace_id: uuid.UUID,
    agent_id: uuid.UUID,
    seconds: float | None = None,
) -> list[Tried]:
    """Asks the models; what they take counts on the agent's budgets. Each call is a run of its own there.

    Without `seconds` a request waits: raises waits.Busy.
    """
    AgentGate.objects.get_or_create(pk=agent_id)

    def meter() -> RunMeter:
        return RunMeter(workspace_id, agent_id, uuid7())

    if seconds is not None:
        return asyncio.run(
            trials.run(asked, workspace_id=workspace_id, seconds=seconds, meter=meter)
        )
    most = settings.EXAMPLES_SECONDS
    with waits.place():
        return asyncio.run(trials.run(asked, workspace_id=workspace_id, seconds=most, meter=meter))


def _taken(now: dt.datetime) -> Iterable[tuple[Trigger, set[str]]]:
    """The triggers with rows that are due and that nobody else tries, and the paths of these rows."""
    paths: dict[uuid.UUID, set[str]] = defaultdict(set)
    rows = ConditionTrial.objects.due(now).order_by("due_at")[:ROWS_AT_ONCE]
    for pk, trigger_id, path in rows.values_list("pk", "trigger_id", "path"):
        if ConditionTrial.objects.take(pk, now=now, until=now + LEASE):
            paths[trigger_id].add(path)
    found = Trigger.objects.select_related("agent__workspace", "workspace").in_bulk(list(paths))
    return [(found[pk], paths[pk]) for pk in paths if pk in found]


def fresh(trigger: Trigger) -> Trigger:
    """As it is stored by now, with its trials."""
    rows = Trigger.objects.select_related("agent__workspace", "workspace")
    return rows.prefetch_related("trials").get(pk=trigger.pk)
