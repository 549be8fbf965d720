"""REST of agents, and of what they can do. Switching them on and running them is in `executions.views.agent_runs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents import actions, blueprint, tools
from agents.llm import trial
from agents.models import Agent, AgentStatus, McpServer, ModelProvider
from agents.serializers import (
    ActionSerializer,
    AgentSerializer,
    ModelProviderSerializer,
    ModelTestSerializer,
)
from config.lib.rest import CommaSeparated, Conflict, Filter, Invalid, Page
from crm.rest import WorkspaceView, WorkspaceViewSet


class AgentViewSet(WorkspaceViewSet):
    """The agents of the workspace. Deleting one keeps the history of its runs."""

    queryset = Agent.objects.select_related("workspace").prefetch_related(
        "workspace__model_providers",
        Prefetch("workspace__mcp_servers", McpServer.objects.defer(*McpServer.HEAVY)),
    )
    serializer_class = AgentSerializer
    put_is_partial = True
    sort_fields = ("name", "status", "created_at", "updated_at")
    search_fields = ("name", "description")
    filters = {
        "status": Filter(
            "status__in",
            CommaSeparated(serializers.ChoiceField(choices=AgentStatus.choices)),
            description=f"One or more of {', '.join(AgentStatus.values)}, with commas between.",
        ),
        "name": Filter("name__iexact"),
    }

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._ask_servers(request.data)
        return super().create(request, *args, **kwargs)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._ask_servers(request.data)
        return super().update(request, *args, **kwargs)

    def _ask_servers(self, body: Any) -> None:
        """Before the transaction: what the servers of its tools offer now is stored, for the checks in it."""
        tools.ask_servers(self.workspace, body.get("tools") if isinstance(body, dict) else None)

    def perform_create(self, serializer: Any) -> Agent:
        agent = Agent(workspace=self.workspace, created_by_id=self.request.user.pk)
        return _store(agent, serializer.validated_data)

    def perform_update(self, serializer: Any) -> Agent:
        return _store(serializer.instance, serializer.validated_data)


def _store(agent: Agent, fields: dict[str, Any]) -> Agent:
    try:
        return blueprint.store(agent, fields)
    except blueprint.NameTaken as error:
        raise Conflict(_first(error), code="name_taken", details=error.problems) from None
    except blueprint.InvalidAgent as error:
        raise Invalid(_first(error), code="invalid_agent", details=error.problems) from None


def _first(error: blueprint.InvalidAgent) -> str:
    path, messages = next(iter(error.problems.items()))
    return f"{path}: {messages[0]}"


class ModelProviderViewSet(WorkspaceViewSet):
    """Where the workspace's language models are asked, and with which keys. Keys are never answered."""

    queryset = ModelProvider.objects.all()
    serializer_class = ModelProviderSerializer
    scopes = {
        **dict.fromkeys(("create", "update", "partial_update", "destroy"), "admin"),
        "test": "admin",
    }
    sort_fields = ("name", "created_at", "updated_at")
    sort_default = "name"
    put_is_partial = True

    def perform_create(self, serializer: Any) -> ModelProvider:
        return _named_once(lambda: serializer.save(**self.creation_values()))

    def perform_update(self, serializer: Any) -> ModelProvider:
        return _named_once(serializer.save)

    @extend_schema(request=ModelTestSerializer, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Asks the provider for one word: `{"ok", "message", "seconds"}`."""
        row = self.get_object()
        given = ModelTestSerializer(data=request.data)
        self.check(given)
        ok, message, seconds = trial.tried(row, model=given.validated_data["model"])
        self.record("test", row, after={"ok": ok})
        return Response({"ok": ok, "message": message, "seconds": seconds})


def _named_once(save: Callable[[], ModelProvider]) -> ModelProvider:
    try:
        with transaction.atomic():
            return save()
    except IntegrityError as error:
        if "model_provider_once" in str(error):
            taken = "A provider with this name exists already."
            raise Conflict(taken, code="name_taken", details={"name": [taken]}) from None
        raise


class ActionList(WorkspaceView):
    """What an agent can do: each action with a form's worth of JSON Schema."""

    pagination_class = Page

    @extend_schema(responses=ActionSerializer(many=True), operation_id="actions_list")
    def get(self, request: Request) -> Response:
        page = self.pagination_class()
        rows = page.paginate_queryset(
            [actions.registry.get(name) for name in actions.registry], request, self
        )
        return page.get_paginated_response(ActionSerializer(rows, many=True).data)
