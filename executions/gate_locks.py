"""The gates of a batch, locked in the order of the house: agents' first, then triggers', each by their ids.

Gates come before every other row: before executions, and before the agents and triggers themselves, which a claim
or an end changes under their gates. So who edits or deletes those takes the gates first, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver

from agents.models import Agent
from crm.models import Workspace
from crm.signals import about_to_lock
from executions import spending_days
from executions.models import AgentGate, TriggerGate
from triggers.models import Trigger


def of_agents(agent_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, AgentGate]:
    """Locked, in order; made where an agent has none yet."""
    wanted = set(agent_ids)
    query = AgentGate.objects.filter(pk__in=wanted).order_by("pk").select_for_update()
    gates = {gate.pk: gate for gate in query}
    if missing := wanted - set(gates):
        AgentGate.objects.bulk_create(
            [AgentGate(pk=pk) for pk in sorted(missing)], ignore_conflicts=True
        )
        gates = {gate.pk: gate for gate in query.all()}
    return gates


def of_triggers(trigger_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, TriggerGate]:
    wanted = set(trigger_ids)
    query = TriggerGate.objects.filter(pk__in=wanted).order_by("pk").select_for_update()
    gates = {gate.pk: gate for gate in query}
    if missing := wanted - set(gates):
        TriggerGate.objects.bulk_create(
            [TriggerGate(pk=pk) for pk in sorted(missing)], ignore_conflicts=True
        )
        gates = {gate.pk: gate for gate in query.all()}
    return gates


@receiver(about_to_lock, sender=Workspace, dispatch_uid="executions.gates_of_workspaces")
def gates_of_workspaces(rows: QuerySet[Workspace], deleting: bool, **_: Any) -> None:
    if deleting:
        gates_of_agents(Agent.objects.filter(workspace__in=_ids(rows)), deleting=True)
        spending_days.lock_all(rows)


@receiver(about_to_lock, sender=Agent, dispatch_uid="executions.gates_of_agents")
def gates_of_agents(rows: QuerySet[Agent], deleting: bool, **_: Any) -> None:
    _lock(AgentGate.objects.filter(agent__in=_ids(rows)))
    if deleting:
        _lock(TriggerGate.objects.filter(trigger__agent__in=_ids(rows)))


@receiver(about_to_lock, sender=Trigger, dispatch_uid="executions.gates_of_triggers")
def gates_of_triggers(rows: QuerySet[Trigger], **_: Any) -> None:
    _lock(AgentGate.objects.filter(agent__in=_ids(rows, "agent")))
    _lock(TriggerGate.objects.filter(trigger__in=_ids(rows)))


def _ids(rows: QuerySet[Any], column: str = "pk") -> QuerySet[Any]:
    return rows.order_by().values(column)


def _lock(gates: QuerySet[Any]) -> None:
    """Those that there are: nobody holds one that is still to be made."""
    list(gates.order_by("pk").select_for_update(of=("self",)).values_list("pk"))
