"""Addresses of the REST API and of the health checks that this app answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from config.lib.rest.routing import Router
from executions.views.agent_runs import AgentSwitches
from executions.views.drafts import DraftTrigger, SaveDraft
from executions.views.events import EventsOfTrigger, EventView
from executions.views.examples import ValidateConditions
from executions.views.executions import ExecutionsOfTrigger, ExecutionView
from executions.views.health import healthz, readyz
from executions.views.metrics import WorkspaceMetrics, installation
from executions.views.overview import Health, Stats
from executions.views.trail import AlertView, AuditView
from executions.views.triggers import TriggerView

router = Router()
router.register("api/v1/agents", AgentSwitches, basename="agent-switches")
router.register("api/v1/triggers/events", EventView, basename="event")
router.register("api/v1/triggers", TriggerView, basename="trigger")
router.register("api/v1/executions", ExecutionView, basename="execution")
router.register("api/v1/alerts", AlertView, basename="alert")
router.register("api/v1/audit", AuditView, basename="audit")

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/v1/triggers/validate-conditions", ValidateConditions.as_view()),
    path("api/v1/triggers/stats", Stats.as_view()),
    path("api/v1/triggers/health", Health.as_view()),
    path("api/v1/triggers/draft", DraftTrigger.as_view()),
    path("api/v1/triggers/draft/save", SaveDraft.as_view()),
    path("api/v1/triggers/metrics", WorkspaceMetrics.as_view()),
    path("metrics", installation, name="metrics"),
    path(
        "api/v1/triggers/<uuid:trigger_id>/executions",
        ExecutionsOfTrigger.as_view({"get": "list"}),
    ),
    path("api/v1/triggers/<uuid:trigger_id>/events", EventsOfTrigger.as_view({"get": "list"})),
    *router.urls,
]
