"""A description becomes a draft of an agent and its trigger; what a person made of the draft is saved in one go."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.actions import ActionFailed
from agents.serializers import AgentSerializer
from config.lib import audit, clock
from config.lib.rest import Conflict, Failure, Invalid
from config.lib.rest.names import refuse_unknown
from config.lib.rest.schema import failures
from config.lib.throttle import PerCaller
from crm.rest import WorkspaceView
from executions import drafting
from executions.budgets import BudgetSpent
from executions.drafting import saving
from executions.serializers.drafts import Draft, DraftBody, SavedDraft, SaveDraftBody
from executions.serializers.triggers import TriggerSerializer


class DraftThrottle(PerCaller):
    name = "draft"
    setting = "DRAFTS_PER_MINUTE"


class ModelAway(Failure):
    status_code = 503
    default_code = "model_away"
    wait = 30  # seconds, for Retry-After


class DayUsedUp(Failure):
    status_code = 429
    default_code = "budget_spent"

    def __init__(self, error: BudgetSpent) -> None:
        super().__init__(str(error))
        self.wait = max(1.0, (error.until - clock.reckoned()).total_seconds())


class DraftTrigger(WorkspaceView):
    """Writes nothing: the draft is for a person, who changes it and saves it, or does not."""

    throttle_classes = (DraftThrottle,)
    refuses_unknown = True

    @extend_schema(
        request=DraftBody,
        responses={200: Draft, **failures(429, 503)},
        operation_id="triggers_draft",
    )
    def post(self, request: Request) -> Response:
        body = _checked(DraftBody, request.data)
        try:
            found = drafting.draft(self.workspace, body["description"], model=body.get("model", ""))
        except drafting.NoModel as error:
            raise Invalid(str(error), code="no_model", details={"model": [str(error)]}) from None
        except BudgetSpent as error:
            raise DayUsedUp(error) from None
        except ActionFailed as error:
            raise _refusal(error) from None
        return Response(
            {
                "draft": found.draft,
                "problems": found.problems,
                "warnings": found.warnings,
                "questions": found.questions,
                "explanation": found.explanation,
                "dry_run": found.dry_run,
                "usage": found.used,
            }
        )


class SaveDraft(WorkspaceView):
    """Creates the agent and its trigger, both or none. They are off unless `activate` asks for more."""

    refuses_unknown = True

    @extend_schema(
        request=SaveDraftBody,
        responses={201: SavedDraft, **failures(409)},
        operation_id="triggers_draft_save",
    )
    def post(self, request: Request) -> Response:
        body = _checked(SaveDraftBody, request.data)
        refuse_unknown(body["draft"], known=["agent", "trigger"])
        activate = body["activate"]
        with transaction.atomic():
            try:
                saved = saving.save(
                    self.workspace, body["draft"], user_id=request.user.pk, activate=activate
                )
            except saving.CannotSave as error:
                kind, code = (
                    (Conflict, "name_taken") if error.is_taken else (Invalid, "invalid_draft")
                )
                raise kind(str(error), code=code, details=error.problems) from None
            context = {"request": request}
            agent = dict(AgentSerializer(saved.agent, context=context).data)
            trigger = dict(TriggerSerializer(saved.trigger, context=context).data)
            audit.record(request, "create", saved.agent, after=agent)
            audit.record(request, "create", saved.trigger, after=trigger)
            if activate:
                audit.record(request, "activate", saved.agent, after={"status": saved.agent.status})
        trigger["warnings"] = saved.warnings
        told = {"agent": agent, "trigger": trigger, "warnings": saved.warnings}
        return Response(told, status=201)


def _checked(shape: Any, given: Any) -> Any:
    serializer = shape(data=given)
    refuse_unknown(given, known=serializer.fields)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _refusal(error: ActionFailed) -> Failure:
    """400 where somebody has to change something, such as the key; 503 where trying again may help."""
    if error.retryable:
        return ModelAway(f"The model did not draft anything: {error} Try again.")
    return Invalid(str(error), code="model_refused", details={"model": [str(error)]})
