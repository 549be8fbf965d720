"""Triggers over REST. They live here, above their app, because each answer has the figures that executions keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from config.lib.rest import Conflict, Filter
from crm.access import scopes_of
from crm.rest import UUID_REGEX, WorkspaceViewSet
from executions import diagnosis, launch, replay
from executions.serializers.triggers import (
    FIGURES,
    DeadLetters,
    ResumedTrigger,
    ResumeTrigger,
    StoredTrigger,
    TriggerSerializer,
    TriggerState,
)
from executions.views.examples import ExamplesOfTrigger
from executions.views.filters import Word
from executions.views.rehearsals import RehearsalOfTrigger
from executions.views.webhook_addresses import AddressOfTrigger
from triggers import blueprint, failures, sources
from triggers.models import DeadLetter, Trigger, TriggerStatus
from triggers.sources import webhook


def _with_builtin(queryset: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
    return queryset if wanted else queryset.filter(is_builtin=False)


def _enabled(queryset: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
    return queryset.filter(status=TriggerStatus.ACTIVE) if wanted else queryset


_AGENT = Filter("agent_id", serializers.UUIDField())
_LETTERS = 200  # told at once
_TYPES = (
    sources.registry.names()
)  # all are registered when the apps are ready, before any view is read
_ANY_CASE = {name: name for name in _TYPES} | sources.aliases


@extend_schema_view(
    create=extend_schema(request=TriggerSerializer, responses={201: StoredTrigger}),
    update=extend_schema(request=TriggerSerializer, responses=StoredTrigger),
    partial_update=extend_schema(request=TriggerSerializer, responses=StoredTrigger),
)
class TriggerView(ExamplesOfTrigger, AddressOfTrigger, RehearsalOfTrigger, WorkspaceViewSet):
    """The triggers of the workspace; the built-in ones for running by hand are listed only where asked for."""

    queryset = Trigger.objects.select_related(
        *("agent__workspace", "gate", "schedule", "workspace")
    ).prefetch_related("trials")
    serializer_class = TriggerSerializer
    put_is_partial = True
    refuses_unknown = False  # `warnings` tells of them: other systems' bodies have more fields
    etag_ignores = (*FIGURES, "next_run_time", "updated_at", "examples")
    scopes: ClassVar[dict[str, str]] = {
        "test": "run",
        "try_conditions": "run",
        "dry_run": "read",
        "regenerate_webhook": "secrets",
    }
    filters = {
        "agent_id": _AGENT,
        "pipeline_id": _AGENT,
        "trigger_type": Filter("trigger_type", Word(_TYPES, aliases=_ANY_CASE)),
        "status": Filter("status", Word(list(TriggerStatus.values))),
        "enabled_only": Filter(field=serializers.BooleanField(), apply=_enabled),
        "include_builtin": Filter(field=serializers.BooleanField(), apply=_with_builtin),
    }
    search_fields = ("name", "description")
    sort_fields = {
        **{name: name for name in ("name", "created_at", "updated_at", "status", "trigger_type")},
        "last_execution_at": "gate__last_execution_at",
    }
    sort_default = "name"

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.request.query_params.get("include_builtin"):
            queryset = _with_builtin(queryset, False)
        return super().filter_queryset(queryset)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._with_warnings(super().create(request, *args, **kwargs))

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._with_warnings(super().update(request, *args, **kwargs))

    def _with_warnings(self, response: Response) -> Response:
        response.data["warnings"] = self.warnings
        return self._with_url(response)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._with_url(super().retrieve(request, *args, **kwargs))

    def _with_url(self, response: Response) -> Response:
        """In full for whoever may see secrets; lists and the trail show its end only."""
        if response.data.get("webhook_url") and "secrets" in scopes_of(self.request):
            trigger = Trigger.objects.get(pk=response.data["id"])
            response.data["webhook_url"] = webhook.url(trigger, in_full=True)
        return response

    def perform_create(self, serializer: Any) -> Trigger:
        trigger = Trigger(workspace=self.workspace, created_by_id=self.request.user.pk)
        self._store(trigger, serializer.validated_data)
        return trigger

    def perform_update(self, serializer: Any) -> Trigger:
        trigger: Trigger = serializer.instance
        self._refuse_builtin(trigger)
        was_enabled, before = trigger.enabled, trigger.agent
        self._store(trigger, serializer.validated_data)
        if trigger.agent_id != before.pk:
            launch.hand_over(trigger, before)
        if trigger.enabled and not was_enabled:
            launch.resume(trigger)
        return trigger

    def _store(self, trigger: Trigger, fields: dict[str, Any]) -> None:
        try:
            self.warnings = self.store_tried(trigger, fields)
        except blueprint.InvalidTrigger as error:
            raise failures.of_trigger(error) from None

    def perform_destroy(self, row: Trigger) -> None:
        self._refuse_builtin(row)
        row.delete()

    def _refuse_builtin(self, trigger: Trigger) -> None:
        if trigger.is_builtin:
            raise Conflict(
                "Every agent keeps its built-in trigger as it is.", code="builtin_trigger"
            )

    # --- lists by another path

    @extend_schema(responses=TriggerSerializer(many=True))
    @action(detail=False, url_path=f"agent/(?P<agent_id>{UUID_REGEX})")
    def of_agent(self, request: Request, agent_id: str) -> Response:
        return self._of_agent(agent_id)

    @extend_schema(responses=TriggerSerializer(many=True))
    @action(detail=False, url_path=f"pipeline/(?P<agent_id>{UUID_REGEX})")
    def of_pipeline(self, request: Request, agent_id: str) -> Response:
        """The same as of an agent."""
        return self._of_agent(agent_id)

    @extend_schema(responses=TriggerSerializer(many=True))
    @action(detail=False, url_path="type/(?P<trigger_type>[a-z_A-Z]{1,50})")
    def of_type(self, request: Request, trigger_type: str) -> Response:
        wanted = sources.aliases.get(trigger_type.lower(), trigger_type.lower())
        if wanted not in sources.registry:
            raise Http404
        return self._narrowed(trigger_type=wanted)

    def _of_agent(self, agent_id: str) -> Response:
        mine = Agent.objects.filter(workspace=self.workspace)
        pk = _AGENT.field.run_validation(agent_id)
        return self._narrowed(agent=get_object_or_404(mine, pk=pk))

    def _narrowed(self, **where: Any) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset().filter(**where)))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    # --- on and off

    @extend_schema(request=ResumeTrigger, responses=ResumedTrigger)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, **_: Any) -> Response:
        """Listens again; an error is forgotten.

        With `replay_skipped` it also runs what it skipped since it stopped in error, at most 1,000, oldest first;
        `replayed` in the answer says what came of it.
        """
        return self._resume(request)

    @extend_schema(request=ResumeTrigger, responses=ResumedTrigger)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **_: Any) -> Response:
        """The same as enable."""
        return self._resume(request)

    def _resume(self, request: Request) -> Response:
        options = ResumeTrigger(data=request.data)
        options.is_valid(raise_exception=True)
        self.try_first(self.get_object())
        if not options.validated_data["replay_skipped"]:
            return self._switch(launch.resume, "enable")
        told: dict[str, Any] = {}

        def resume(trigger: Trigger) -> None:
            told.update(replay.summary(*replay.resume_trigger(trigger)))

        answer = self._switch(resume, "enable", more=told)
        answer.data["replayed"] = told
        return answer

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, **_: Any) -> Response:
        """Stops listening and keeps its configuration; its events are written down as skipped."""
        return self._switch(launch.disable, "disable")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **_: Any) -> Response:
        """The same as disable."""
        return self._switch(launch.disable, "disable")

    def _switch(
        self,
        switch: Callable[[Trigger], None],
        verb: str,
        *,
        more: dict[str, Any] | None = None,
    ) -> Response:
        """`more`: what `switch` adds for the trail."""
        with transaction.atomic():
            trigger = self.locked_object()
            self._refuse_builtin(trigger)
            before = trigger.status
            try:
                switch(trigger)
            except blueprint.InvalidTrigger as error:
                raise failures.of_trigger(error) from None
            after = {"status": trigger.status, **({"replayed": more} if more else {})}
            self.record(verb, trigger, before={"status": before}, after=after)
        return self.answer(self.represent(self.get_object()))

    # --- what a listener could not read

    @extend_schema(responses=DeadLetters)
    @action(detail=True, url_path="dead-letters")
    def dead_letters(self, request: Request, **_: Any) -> Response:
        """Messages that could not be made events, the newest first, at most 200. `count`: all that are kept."""
        letters = DeadLetter.objects.filter(trigger=self.get_object(), is_dead=True)
        told = {"results": letters[:_LETTERS], "count": letters.count()}
        return Response(DeadLetters(told).data)

    # --- how it is

    @extend_schema(responses=TriggerState)
    @action(detail=True)
    def status(self, request: Request, **_: Any) -> Response:
        """Would an event run its agent now, and if not, why not."""
        return Response(diagnosis.diagnose(self.get_object()))
