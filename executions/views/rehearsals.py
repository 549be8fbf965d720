"""Trying a trigger over REST: a run that is marked as a test, or a judgement that runs nothing."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import actors
from config.lib.rest import Invalid
from config.lib.rest.names import refuse_unknown
from crm.rest import WorkspaceViewSet
from executions import launch
from executions.serializers.triggers import DryRun, DryRunAsked, Payload, Started
from executions.views.dry_runs import asks_model
from triggers import failures, sources
from triggers.event_types import InvalidPayload
from triggers.models import Trigger


class RehearsalOfTrigger(WorkspaceViewSet):
    """What the view of triggers does to try one."""

    @extend_schema(request=Payload, responses={202: Started})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_: Any) -> Response:
        """Runs once with the body's `event`, or a sample of the trigger's type; marked as a test."""
        trigger = self.get_object()
        payload = self._payload(trigger)
        try:
            with transaction.atomic():
                execution = launch.run_now(
                    trigger.agent,
                    inputs={},
                    actor=actors.current() or "system",
                    is_test=True,
                    trigger=trigger,
                    event_payload=payload,
                )
                self.record("test", trigger, after={"execution_id": str(execution.pk)})
        except InvalidPayload as error:
            raise failures.of_payload(error, field="event") from None
        return Response({"execution_id": execution.pk}, status=202)

    @extend_schema(request=DryRunAsked, responses=DryRun)
    @action(detail=True, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request, **_: Any) -> Response:
        """Judges the body's `event`, or a sample, as it would be judged now; runs nothing and writes nothing.

        With `ask_model` (scope `run`) a model judges conditions in words; what that takes counts in the budgets.
        """
        trigger = self.get_object()
        payload = self._payload(trigger, "ask_model")
        asks = asks_model(request)
        return Response(launch.dry_run(trigger, payload=payload, ask_model=asks))

    def _payload(self, trigger: Trigger, *more: str) -> dict[str, Any] | None:
        body: Any = self.request.data
        refuse_unknown(body, known=["event", *more])
        given = body.get("event")
        if given is None:
            return None
        if not isinstance(given, dict):
            raise Invalid("event: Give an object.", details={"event": ["Give an object."]})
        return sources.of(trigger).payload_of(trigger.config, given)
