"""Alerts and the audit log over REST."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from crm.models import Workspace
from executions import alerts
from executions.models import Alert, AlertKind, AuditEntry
from tests.conftest import MakeClient
from triggers.models import Trigger


def test_alerts_are_listed_and_seen(api: APIClient, acme: Workspace, owner: Any) -> None:
    for name in ("one", "two", "three"):
        alerts.raise_alert(acme.pk, AlertKind.LOOP, name, dedupe_key=name)
    listed = api.get("/api/v1/alerts").json()
    assert listed["total_count"] == 3
    first = Alert.objects.get(message="one")
    seen = api.post(f"/api/v1/alerts/{first.pk}/seen").json()
    assert seen["seen_by"] == owner.pk
    assert api.post(f"/api/v1/alerts/{first.pk}/seen").json()["seen_at"] == seen["seen_at"]
    assert api.get("/api/v1/alerts?seen=false").json()["total_count"] == 2
    assert api.get("/api/v1/alerts?kind=poison").json()["total_count"] == 0
    assert api.post("/api/v1/alerts/seen").json() == {"seen": 2}
    assert AuditEntry.objects.count() == 3


def test_a_resolved_alert_may_be_raised_anew(api: APIClient, acme: Workspace, owner: Any) -> None:
    for _ in range(2):
        alerts.raise_alert(acme.pk, AlertKind.LOOP, "one", dedupe_key="one")
    first = Alert.objects.get()
    resolved = api.post(f"/api/v1/alerts/{first.pk}/resolve").json()
    assert (resolved["resolved_by"], resolved["seen_by"]) == (owner.pk, owner.pk)
    assert alerts.raise_alert(acme.pk, AlertKind.LOOP, "one", dedupe_key="one")
    assert api.get("/api/v1/alerts?resolved=true").json()["total_count"] == 1
    assert api.post("/api/v1/alerts/resolve").json() == {"resolved": 1}
    assert api.get("/api/v1/alerts?resolved=false").json()["total_count"] == 0
    verbs = AuditEntry.objects.order_by("id").values_list("verb", "target_type")
    assert list(verbs) == [("resolve", "alert"), ("resolve", "workspace")]


def test_another_workspace_sees_no_alerts(foreign_api: APIClient, acme: Workspace) -> None:
    alerts.raise_alert(acme.pk, AlertKind.LOOP, "one", dedupe_key="one")
    assert foreign_api.get("/api/v1/alerts").json()["results"] == []
    assert foreign_api.post(f"/api/v1/alerts/{Alert.objects.get().pk}/seen").status_code == 404
    assert foreign_api.post(f"/api/v1/alerts/{Alert.objects.get().pk}/resolve").status_code == 404
    assert foreign_api.post("/api/v1/alerts/seen").json() == {"seen": 0}
    assert foreign_api.post("/api/v1/alerts/resolve").json() == {"resolved": 0}


def test_the_audit_log_is_for_administrators(
    api: APIClient, foreign_api: APIClient, client_of: MakeClient, owner: Any, trigger: Trigger
) -> None:
    api.patch(f"/api/v1/triggers/{trigger.pk}", {"name": "Renamed"})
    (entry,) = api.get("/api/v1/audit?verb=update&target_type=trigger").json()["results"]
    assert (entry["before"]["name"], entry["after"]["name"]) == ("Signed up", "Renamed")
    assert entry["user_id"] == owner.pk
    assert entry["target_id"] == str(trigger.pk)
    assert api.get("/api/v1/audit?verb=delete").json()["results"] == []
    assert api.get(f"/api/v1/audit?user_id={owner.pk}&search=ann").json()["total_count"] == 1
    assert api.get("/api/v1/audit?user_id=x").status_code == 400
    assert foreign_api.get("/api/v1/audit").json()["results"] == []
    assert client_of(owner, scopes=["read", "write"]).get("/api/v1/audit").status_code == 403
    assert api.delete(f"/api/v1/audit/{entry['id']}").status_code == 405
