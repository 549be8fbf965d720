"""Rows that change meanwhile, and what is known already: no model is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Agent, AgentStatus, ModelProvider
from config.lib import clock
from crm.models import Workspace
from executions import executor, invariants, launch, sweep
from executions.models import (
    Execution,
    Reason,
    RememberedAnswer,
    Status,
    Verdict,
)
from tests.agents.modelserver import ModelServer
from tests.executions.judging.judged import ASKS, NOTIFY, contact, judged, says
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Trigger

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[[], None]


def test_a_pending_row_is_cancelled_at_once(pending: Execution, brain: ModelServer) -> None:
    assert launch.cancel(pending)
    assert judged(pending).status == Status.CANCELLED
    assert brain.asked == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("agent", Reason.AGENT_PAUSED),
        ("trigger", Reason.TRIGGER_DISABLED),
        ("error", Reason.TRIGGER_ERROR),
        ("deleted", Reason.TRIGGER_DISABLED),
        ("old", Reason.EXPIRED),
    ],
)
@pytest.mark.parametrize("by", ["judge", "sweep"])
def test_what_shall_not_run_is_skipped_unasked(
    pending: Execution, agent: Agent, trigger: Trigger, brain: ModelServer, what: str, reason: Reason, by: str
) -> None:  # fmt: skip
    rows = Trigger.objects.filter(pk=trigger.pk)
    if what == "agent":
        Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.PAUSED)
    elif what == "deleted":
        trigger.delete()
    elif what == "old":
        rows.update(max_age_seconds=60)
        Execution.objects.update(created_at=clock.now() - dt.timedelta(minutes=2))
    else:
        rows.update(status="paused" if what == "trigger" else "error")
    if by == "sweep" and what != "old":
        sweep.sweep()
    else:
        executor.drain()
    pending.refresh_from_db()
    if what == "deleted" and by == "judge":
        sweep.sweep()
        pending.refresh_from_db()
    assert (pending.status, pending.reason) == (Status.SKIPPED, reason)
    assert brain.asked == []
    assert list(invariants.broken()) == []


def test_a_paused_workspace_and_switched_off_triggers_ask_no_model(
    pending: Execution, acme: Workspace, brain: ModelServer, settings: Any
) -> None:
    brain.say(says())
    Workspace.objects.filter(pk=acme.pk).update(paused=True)
    assert judged(pending).verdict == Verdict.PENDING
    Workspace.objects.filter(pk=acme.pk).update(paused=False)
    settings.TRIGGERS_ENABLED = False
    assert judged(pending).verdict == Verdict.PENDING
    assert brain.asked == []
    settings.TRIGGERS_ENABLED = True
    assert judged(pending).status == Status.COMPLETED


def test_what_is_remembered_stays_in_its_workspace(
    pending: Execution, other: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger,
    brain: ModelServer, run_everything_due: Run,
) -> None:  # fmt: skip
    brain.say(says())
    judged(pending)
    kind = {"name": "local", "kind": "openai-compatible", "api_key": "sk-other"}
    ModelProvider.objects.create(workspace=other, base_url=brain.url("/v1"), **kind)
    theirs = make_agent("Theirs", NOTIFY, workspace=other)
    make_trigger(theirs, "contact_created", conditions=ASKS)
    contact(other)
    run_everything_due()
    assert len(brain.asked) == 2


@pytest.mark.parametrize("seconds", [0, 60])
def test_answers_are_remembered_for_a_time(
    pending: Execution, acme: Workspace, brain: ModelServer, run_everything_due: Run, settings: Any, seconds: int
) -> None:  # fmt: skip
    settings.JUDGE_CACHE_SECONDS = seconds
    brain.say(says())
    judged(pending)
    RememberedAnswer.objects.update(at=clock.now() - dt.timedelta(minutes=5))
    contact(acme)
    run_everything_due()
    assert len(brain.asked) == 2
