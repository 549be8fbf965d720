"""Addresses of the pages."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from executions.pages import (
    agents,
    dashboard,
    door,
    happened,
    mail,
    records,
    recovery,
    runs,
    switches,
)

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("executions/", runs.run_list, name="executions"),
    path("executions/<uuid:pk>/", runs.run, name="execution"),
    path("executions/<uuid:pk>/cancel/", runs.cancel, name="execution-cancel"),
    path("executions/replay/", recovery.replay_runs, name="executions-replay"),
    path("executions/<uuid:pk>/approve/", recovery.approve, name="execution-approve"),
    path("executions/<uuid:pk>/resolve/", recovery.resolve, name="execution-resolve"),
    path("executions/<uuid:pk>/replay/", runs.replay_run, name="execution-replay"),
    path("events/", happened.event_list, name="events"),
    path("events/replay/", recovery.replay_events, name="events-replay"),
    path("events/<uuid:pk>/replay/", recovery.replay_event, name="event-replay"),
    path("events/<uuid:pk>/", happened.event, name="event"),
    path("contacts/<uuid:pk>/", records.contact, name="contact"),
    path("deals/<uuid:pk>/", records.deal, name="deal"),
    path("agents/", agents.agent_list, name="agents"),
    path("agents/<uuid:pk>/", agents.agent, name="agent"),
    path("agents/<uuid:pk>/activate/", agents.activate, name="agent-activate"),
    path("agents/<uuid:pk>/pause/", agents.pause, name="agent-pause"),
    path("agents/<uuid:pk>/resume/", recovery.resume_agent, name="agent-resume"),
    path("agents/<uuid:pk>/run/", agents.run_now, name="agent-run"),
    path("triggers/<uuid:pk>/resume/", recovery.resume_trigger, name="trigger-resume"),
    path("mail/", mail.mailbox, name="mail"),
    path("mail/<str:key>/", mail.letter, name="letter"),
    path("workspace/switch/", switches.switch_workspace, name="workspace-switch"),
    path("workspace/pause/", switches.pause_everything, name="workspace-pause"),
    path("alerts/<uuid:pk>/seen/", switches.see_alert, name="alert-seen"),
    path("alerts/<uuid:pk>/resolve/", switches.resolve_alert, name="alert-resolve"),
    path("login/", door.LogIn.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
]
