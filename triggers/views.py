"""Checking triggers before they are saved, and emitting custom events.

The triggers themselves are in `executions.views.triggers`: their answers need figures that only executions know; so is
the check of conditions (`executions.views.examples`), which may ask a model.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from config.lib.rest import Invalid
from config.lib.rest.names import refuse_unknown
from config.lib.rest.parsing import ObjectOrListParser
from config.lib.rest.schema import failures
from config.lib.throttle import PerCaller
from crm import backlog
from crm.rest import WorkspaceView
from triggers import blueprint
from triggers import failures as answers
from triggers.event_types import InvalidPayload
from triggers.models import Trigger
from triggers.serializers import (
    CronBody,
    Emission,
    Emitted,
    EmittedList,
    TriggerBody,
    ValidCron,
    ValidTrigger,
)
from triggers.sources import cron, custom


class EmitThrottle(PerCaller):
    name = "emit"
    setting = "EMIT_PER_MINUTE"


class EmitEventsThrottle(PerCaller):
    """Of the events themselves: one request may bring many."""

    name = "emit_events"
    setting = "EMIT_EVENTS_PER_MINUTE"

    def cost(self, request: Request) -> int:
        return len(request.data) if isinstance(request.data, list) else 1


class Emit(WorkspaceView):
    """Records a custom event, an endpoint's name and data; or a list of up to 1,000, all of them or none."""

    throttle_classes = (EmitThrottle, EmitEventsThrottle)
    parser_classes = (ObjectOrListParser,)
    refuses_unknown = True

    @extend_schema(
        request=PolymorphicProxySerializer(
            component_name="EmissionOrList",
            serializers=[Emission, Emission(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        responses={
            202: PolymorphicProxySerializer(
                component_name="EmittedOrList",
                serializers=[Emitted, EmittedList],
                resource_type_field_name=None,
            ),
            **failures(429),
        },
        operation_id="triggers_emit",
    )
    def post(self, request: Request) -> Response:
        body: Any = request.data
        if isinstance(body, list):
            return self._post_many(body)
        refuse_unknown(body, known=Emission().fields)
        backlog.refuse_if_full(self.workspace)
        try:
            event = custom.emit_custom_event(
                body.get("endpoint"),
                body.get("data"),
                workspace_id=self.workspace.pk,
                dedupe_key=body.get("dedupe_key", ""),
            )
        except custom.CannotEmit as error:
            raise answers.of_problems(error.problems, code="invalid_event") from None
        except custom.ReservedType as error:
            raise exceptions.PermissionDenied(str(error)) from None
        except InvalidPayload as error:
            raise answers.of_payload(error, field="data") from None
        return Response({"event_id": event.pk}, status=202)

    def _post_many(self, given: list[Any]) -> Response:
        backlog.refuse_if_full(self.workspace, count=len(given))
        try:
            recorded = custom.emit_custom_events(given, workspace_id=self.workspace.pk)
        except custom.CannotEmit as error:
            raise answers.of_problems(error.problems, code="invalid_event") from None
        except custom.ReservedType as error:
            raise exceptions.PermissionDenied(str(error)) from None
        return Response({"event_ids": [event.pk for event in recorded]}, status=202)


class Validate(WorkspaceView):
    """Checks a trigger without saving it; a body with `id` is checked as a change of that trigger."""

    scopes: ClassVar[dict[str, str]] = {"post": "read"}

    @extend_schema(
        request=TriggerBody,
        responses={200: ValidTrigger, **failures(404)},
        operation_id="triggers_validate",
    )
    def post(self, request: Request) -> Response:
        body: Any = request.data
        trigger = self._trigger(body.get("id"))
        try:
            warnings = blueprint.apply(trigger, body)
        except blueprint.InvalidTrigger as error:
            raise answers.of_trigger(error) from None
        return Response(
            {
                "valid": True,
                "config": trigger.config,
                "conditions": trigger.conditions,
                "warnings": warnings,
            }
        )

    def _trigger(self, given: Any) -> Trigger:
        if given is None:
            return Trigger(workspace=self.workspace)
        try:
            pk = uuid.UUID(str(given))
        except ValueError:
            raise Invalid("id: Give the id of a trigger.", details={"id": ["Not an id."]}) from None
        return get_object_or_404(Trigger, pk=pk, workspace=self.workspace)


class ValidateCron(WorkspaceView):
    """Says a cron expression in words, and when it fires next."""

    refuses_unknown = True

    scopes: ClassVar[dict[str, str]] = {"post": "read"}

    @extend_schema(request=CronBody, responses=ValidCron, operation_id="triggers_validate_cron")
    def post(self, request: Request) -> Response:
        body: Any = request.data
        refuse_unknown(body, known=CronBody().fields)
        expression, zone = body.get("cron_expression"), body.get("timezone", "UTC")
        problems = cron.check_given(expression, zone)
        if problems:
            raise answers.of_problems(problems, code="invalid_cron")
        return Response({"valid": True, **cron.preview(expression, zone, now=clock.reckoned())})
