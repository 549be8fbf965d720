"""What limits are decided on: one row per agent, one per trigger, and the log of starts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from agents.models import Agent
from crm.models import Workspace
from triggers.models import Trigger


class AgentGateQuerySet(models.QuerySet["AgentGate"]):
    def besides(self, agent_ids: Collection[Any], *, thinkers: bool) -> Self:
        """Without these agents; `thinkers`: without those that ask language models, too."""
        others = self.exclude(agent_id__in=agent_ids) if agent_ids else self
        if thinkers:
            asking = Agent.objects.asking_models().filter(pk=OuterRef("agent_id"))
            others = others.filter(~Exists(asking))
        return others

    def look_again(self, agent_ids: Iterable[Any], *, now: dt.datetime) -> int:
        """These agents may have something to start now, whatever their gates wait for."""
        mine = self.filter(Q(next_eligible_at=None) | Q(next_eligible_at__gt=now))
        return mine.filter(pk__in=set(agent_ids)).update(next_eligible_at=now)


class AgentGate(models.Model):
    """The lock that decides every limit of an agent and its triggers. Apart from Agent, so that
    editing an agent never waits.

    `next_eligible_at` null: nothing to start, or a run has to finish first.
    """

    agent = models.OneToOneField(Agent, models.CASCADE, primary_key=True, related_name="gate")
    next_eligible_at = models.DateTimeField(null=True, blank=True)
    last_served_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=30, blank=True, default="")
    paused_at = models.DateTimeField(null=True, blank=True)  # when its day was full, the last time
    # Somebody resumed the agent after its day was full: the day is counted from here on.
    day_began_at = models.DateTimeField(null=True, blank=True)
    limited_until = models.DateTimeField(
        null=True, blank=True
    )  # the rate-limit notice of this window has been sent

    objects = AgentGateQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["last_served_at"], condition=~Q(next_eligible_at=None), name="gate_eligible"
            ),  # queue.claim
        ]

    def __str__(self) -> str:
        return f"gate of {self.agent_id}"


class AgentStart(models.Model):
    """One start of a run, a retry or a replay: what the rate windows and the day are counted from."""

    # Of its agent: both references are tied to it (config.lib.own_workspace).
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    agent = models.ForeignKey(
        Agent, models.CASCADE, related_name="starts", db_index=False, db_constraint=False
    )
    trigger = models.ForeignKey(
        Trigger,
        models.SET_NULL,
        null=True,
        related_name="starts",
        db_index=False,
        db_constraint=False,
    )
    is_first = models.BooleanField(
        default=False
    )  # of its execution: the day counts an execution once
    is_unsigned = models.BooleanField(default=False, db_default=False)  # as its execution is
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["agent", "at"], name="start_agent"),  # minute_window, daily_limit
            models.Index(fields=["trigger", "at"], name="start_trigger"),  # hourly window
            models.Index(fields=["at"], name="start_at"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.at}"


class TriggerGate(models.Model):
    """Figures of a trigger that change with every run."""

    trigger = models.OneToOneField(Trigger, models.CASCADE, primary_key=True, related_name="gate")
    last_accepted_at = models.DateTimeField(null=True, blank=True)
    last_execution_at = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    total_executions = models.PositiveBigIntegerField(default=0)
    successful_executions = models.PositiveBigIntegerField(default=0)
    failed_executions = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"gate of {self.trigger_id}"
