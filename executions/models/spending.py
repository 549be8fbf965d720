"""What calls of language models took: what budgets are decided on, and what the dashboard draws."""

from __future__ import annotations

from django.db import models

from crm.models import Workspace


class Spending(models.Model):
    """One call of a model. While it is under way it counts with the most that it may take (`is_settled` false); where
    its worker died it goes on counting so, because nobody knows better. `cost` in US dollars; null: no price is known.
    """

    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="spendings", db_index=False
    )
    agent_id = models.UUIDField()  # plain ids: what was spent stays spent when the agent is gone
    execution_id = models.UUIDField()
    model = models.CharField(max_length=200)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    is_settled = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["agent_id", "at"], name="spending_agent"),  # budgets of a day
            models.Index(fields=["execution_id"], name="spending_execution"),  # budgets of a run
            models.Index(fields=["workspace", "at"], name="spending_workspace"),  # dashboard
            models.Index(fields=["at"], name="spending_at"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.at}"
