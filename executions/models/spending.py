"""What calls of language models took: what budgets are decided on, and what the dashboard draws."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db import models
from django.db.models import F, Q

from crm.models import Workspace


class Spending(models.Model):
    """One call of a model. While it is under way it counts with the most that it may take (`is_settled` false); where
    its worker died it goes on counting so, because nobody knows better. `cost` in US dollars; null: no price is known.
    Without an agent and a run: somebody asked for a draft.
    """

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="spendings", db_index=False
    )
    # Plain ids: what was spent stays spent when the agent is gone.
    agent_id = models.UUIDField(null=True)
    execution_id = models.UUIDField(null=True)
    model = models.CharField(max_length=200)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    is_settled = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["agent_id", "at"], name="spending_agent"),  # a day's beginning
            models.Index(fields=["execution_id"], name="spending_execution"),  # budgets of a run
            models.Index(fields=["workspace", "at"], name="spending_workspace"),  # the same
            models.Index(fields=["at"], name="spending_at"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.at}"


class SpendingDayQuerySet(models.QuerySet["SpendingDay"]):
    def of(
        self, workspace_id: uuid.UUID, agent_ids: Iterable[uuid.UUID | None]
    ) -> SpendingDayQuerySet:
        """Rows of these agents; None for that of the workspace as a whole."""
        return self.of_any([workspace_id], agent_ids)

    def of_any(
        self, workspace_ids: Iterable[uuid.UUID], agent_ids: Iterable[uuid.UUID | None]
    ) -> SpendingDayQuerySet:
        """The same of several workspaces."""
        wanted = set(agent_ids)
        which = Q(agent_id__in=wanted - {None})
        if None in wanted:
            which |= Q(agent_id=None)
        return self.filter(which, workspace_id__in=list(workspace_ids))

    def containing(self, moment: dt.datetime) -> SpendingDayQuerySet:
        """Days that the moment lies in; no day is as long as two."""
        earliest = moment - dt.timedelta(days=2)
        return self.filter(began_at__lte=moment, began_at__gt=earliest, until__gt=moment)

    def in_order(self) -> SpendingDayQuerySet:
        """Of agents first, the workspace's last: the order in which they are locked."""
        return self.order_by(F("agent_id").asc(nulls_last=True), "began_at")


class SpendingDay(models.Model):
    """The sums of one day in its workspace's timezone, of one agent or (without one) of the whole workspace: spent and
    reserved, kept in step with `Spending` under the row's lock (`executions.spending_days`).

    `date` is what the day is called there. `cost` has the calls whose price is known, `unpriced` counts the others.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    agent_id = models.UUIDField(null=True)
    date = models.DateField()
    began_at = models.DateTimeField()
    until = models.DateTimeField()
    tokens = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=16, decimal_places=6, default=0)
    calls = models.IntegerField(default=0)
    unpriced = models.IntegerField(default=0)

    objects = SpendingDayQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "agent_id", "began_at"],
                nulls_distinct=False,
                name="spending_day_once",
            )  # budgets: a day is read and locked by it
        ]
        indexes = [
            models.Index(fields=["workspace", "date"], name="spending_day_date"),  # dashboard
            models.Index(fields=["date"], name="spending_day_prune"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.agent_id or 'all'} {self.date}"
