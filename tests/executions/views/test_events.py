"""The history of events over REST."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.models import Workspace
from executions.models import Status
from tests.executions.views.conftest import MakeExecution
from triggers import events
from triggers.models import Event, EventState, Trigger

URL = "/api/v1/triggers/events"


def types(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["type"] for row in answer.json()["results"]]


def test_lists_are_narrowed(
    api: APIClient, acme: Workspace, make_execution: MakeExecution, trigger: Trigger
) -> None:
    make_execution(status=Status.FAILED)
    dead = events.emit("gone", workspace_id=acme.pk, payload={})
    Event.objects.bury(dead.pk, error="broken")
    events.emit("fresh", workspace_id=acme.pk, payload={})
    Event.objects.filter(type="signed_up").update(state=EventState.MATCHED)
    assert types(api.get(URL)) == ["fresh", "gone", "signed_up"]
    assert types(api.get(f"{URL}?status=new")) == ["fresh"]
    assert types(api.get(f"{URL}?status=failed")) == ["gone", "signed_up"]
    assert types(api.get(f"{URL}?status=dead,matched")) == ["gone", "signed_up"]
    assert types(api.get(f"{URL}?status=success")) == []
    assert types(api.get(f"{URL}?type=fresh")) == ["fresh"]
    assert types(api.get(f"{URL}?trigger_id={trigger.pk}")) == ["signed_up"]
    assert types(api.get(f"{URL}?subject=contact:1")) == ["signed_up"]
    assert types(api.get(f"{URL}?since=2100-01-01")) == []
    assert types(api.get(f"/api/v1/triggers/{trigger.pk}/events")) == ["signed_up"]


def test_the_events_of_a_trigger_are_narrowed_alike(
    api: APIClient, event: Event, make_execution: MakeExecution, trigger: Trigger
) -> None:
    make_execution(status=Status.FAILED)
    mine = f"/api/v1/triggers/{trigger.pk}/events"
    event.refresh_from_db()
    recorded_at = event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S")
    for url in (URL, mine):
        for query in (
            "status=failed",
            "status=failure",
            f"since={recorded_at}Z",
            "until=2100-01-01",
        ):
            assert types(api.get(f"{url}?{query}")) == ["signed_up"], query
        for query in (
            "status=success",
            "since=2100-01-01T00:00:00Z",
            f"until={recorded_at}%2B02:00",
        ):
            assert types(api.get(f"{url}?{query}")) == [], query
    (row,) = api.get(mine).json()["results"]
    assert row["recorded_at"].endswith("Z")


@pytest.mark.parametrize("query", ["status=odd", "since=x", "trigger_id=x", "root_id=1"])
def test_bad_queries_are_told(api: APIClient, query: str) -> None:
    assert list(api.get(f"{URL}?{query}").json()["details"]) == [query.split("=", maxsplit=1)[0]]


def test_an_event_is_told_with_who_answered_for_it(
    api: APIClient, event: Event, make_execution: MakeExecution
) -> None:
    execution = make_execution(status=Status.SKIPPED, reason="cooldown")
    told = api.get(f"{URL}/{event.pk}").json()
    assert told["payload"]["data"] == {"plan": "pro", "password": "[redacted]"}
    assert [row["id"] for row in told["executions"]] == [str(execution.pk)]
    assert told["executions"][0]["reason"] == "cooldown"
    assert told["status"] == "new"


def test_another_workspace_sees_nothing(foreign_api: APIClient, event: Event) -> None:
    assert types(foreign_api.get(URL)) == []
    assert foreign_api.get(f"{URL}/{event.pk}").status_code == 404
