"""What agents hear, for the rule of two (`agents.exposure`): text that strangers may have written, and private records.

Strangers write into webhooks, queues, watched files and public forms, also where the delivery itself is signed: who
opens an issue is not who signs its webhook. What a member or a program of the workspace writes, contacts and deals
among it, is not theirs, unless it came of an event whose sender nobody verified: such a chain stays unverified.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from agents.exposure import Heard
from agents.models import Agent
from agents.signals import hearing_asked
from triggers import event_types
from triggers.models import Event, Trigger
from triggers.sources import registry


@receiver(hearing_asked, sender=Agent, dispatch_uid="triggers.hearing")
def hearing(agents: Sequence[Agent], **_: Any) -> dict[uuid.UUID, Heard]:
    return of_agents(agents)


def of_agents(agents: Sequence[Agent]) -> dict[uuid.UUID, Heard]:
    """One query, by the index of the triggers' foreign key to their agent."""
    strangers: dict[uuid.UUID, list[str]] = defaultdict(list)
    records: set[uuid.UUID] = set()
    rows = Trigger.objects.visible().filter(agent__in=agents).order_by("name")
    for row in rows.only("agent_id", "name", "trigger_type", "config"):
        if row.trigger_type not in registry:
            continue
        source = registry.get(row.trigger_type)
        if source.hears_strangers(row.config):
            strangers[row.agent_id].append(row.name)
        if source.tells_records(row.config):
            records.add(row.agent_id)
    return {agent.pk: Heard(tuple(strangers[agent.pk]), agent.pk in records) for agent in agents}


def is_by_strangers(event: Event, trigger_type: str) -> bool:
    """The same of one event and the type of its trigger; a replay is as the first time."""
    kind = event_types.find(event.type)
    is_outside = trigger_type in registry and registry.get(trigger_type).from_outside
    return not event.verified or is_outside or bool(kind and kind.by_strangers)
