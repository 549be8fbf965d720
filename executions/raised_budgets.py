"""Budgets that were raised: what waits for one asks again at once, and not only when it would have looked again.

Told by the rows of agents and workspaces, whoever saves them. A save that leaves the budgets alone finds no room that
was not there before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from agents.models import Agent
from config.lib import clock, wake
from crm.models import Workspace
from executions import gate_locks
from executions.gates import budget
from executions.models import AgentGate, Execution, Reason


@receiver(post_save, sender=Workspace, dispatch_uid="executions.budgets_of_workspace")
def workspace_saved(instance: Workspace, *, created: bool, **_: Any) -> None:
    if not created:
        agents = Agent.objects.filter(workspace_id=instance.pk)
        _after_commit(agents.values_list("pk", flat=True))


@receiver(post_save, sender=Agent, dispatch_uid="executions.budgets_of_agent")
def agent_saved(instance: Agent, *, created: bool, **_: Any) -> None:
    if not created:
        _after_commit([instance.pk])


def _after_commit(agent_ids: Iterable[uuid.UUID]) -> None:
    transaction.on_commit(partial(ask_again, agent_ids), robust=True)


def ask_again(agent_ids: Iterable[uuid.UUID]) -> int:
    """Of these agents' runs, those that wait for a day's budget which has room by now; answers how many."""
    now = clock.now()
    waiting = Execution.objects.filter(status="queued", reason=Reason.BUDGET, run_at__gt=now)
    asleep = AgentGate.objects.filter(pk__in=agent_ids, next_eligible_at__gt=now)
    wanted = {
        *asleep.values_list("pk", flat=True),
        *waiting.filter(agent_id__in=agent_ids).order_by().values_list("agent_id", flat=True),
    }
    agents = Agent.objects.select_related("workspace").filter(pk__in=wanted)
    free = [agent.pk for agent in budget.with_room(list(agents), now=now)]
    if not free:
        return 0
    with transaction.atomic():
        gate_locks.of_agents(free)
        moved = waiting.filter(agent_id__in=free).update(run_at=now)
        AgentGate.objects.look_again(free, now=now)
        transaction.on_commit(wake.workers, robust=True)
    return moved
