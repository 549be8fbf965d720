"""The gates of a batch, locked in the order of the house: agents' first, then triggers', each by their ids."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from executions.models import AgentGate, TriggerGate


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
