"""Pausing everything, and what is left behind by it."""

from __future__ import annotations

from django.test import Client

from crm.models import Workspace
from executions.models import Alert, AlertKind, AuditEntry


def test_everything_is_paused_and_resumed(acme: Workspace, visitor: Client) -> None:
    for value, paused in (("on", True), ("on", True), ("off", False)):
        assert visitor.post("/workspace/pause/", {"paused": value}).status_code == 302
        acme.refresh_from_db()
        assert acme.paused is paused
    verbs = (
        AuditEntry.objects.filter(target_type="workspace")
        .order_by("at")
        .values_list("verb", flat=True)
    )
    assert list(verbs) == ["pause", "resume"]


def test_alerts_are_read_and_resolved_by_their_own_workspace(
    acme: Workspace, other: Workspace, visitor: Client
) -> None:
    mine, foreign = (
        Alert.objects.create(
            workspace=workspace, kind=AlertKind.LOOP, message="Round and round", dedupe_key="x"
        )
        for workspace in (acme, other)
    )
    assert b"Round and round" in visitor.get("/").content
    for verb in ("seen", "resolve"):
        assert b"Mark as read" in visitor.get("/").content or verb == "resolve"
        assert visitor.post(f"/alerts/{mine.pk}/{verb}/").status_code == 302
        assert visitor.post(f"/alerts/{foreign.pk}/{verb}/").status_code == 404
    assert b"Round and round" not in visitor.get("/").content


def test_no_open_alert_is_out_of_reach(acme: Workspace, visitor: Client) -> None:
    for number in range(7):
        Alert.objects.create(
            workspace=acme, kind=AlertKind.LOOP, message=f"Circle {number}", dedupe_key=str(number)
        )
    html = visitor.get("/").content.decode()
    assert "Circle 6" in html
    assert "Circle 1" not in html
    assert "Show 2 more" in html
    html = visitor.get("/?alerts=all").content.decode()
    assert "Circle 0" in html
    assert "Show fewer" in html


def test_nobody_is_sent_to_another_site(visitor: Client) -> None:
    for target in ("https://evil.example/", "//evil.example/"):
        assert (
            visitor.post("/workspace/pause/", {"paused": "off", "next": target})["Location"] == "/"
        )
