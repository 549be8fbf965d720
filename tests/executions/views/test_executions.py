"""The ledger over REST."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from executions.models import AuditEntry, Execution, Status, Step, StepState
from tests.conftest import MakeClient
from tests.executions.views.conftest import MakeExecution
from triggers.models import Event, Trigger

URL = "/api/v1/executions"
FIELDS = {
    *("id", "is_test", "trigger_id", "trigger_name", "trigger_type", "agent_id", "agent_name"),
    *("event_id", "status", "reason", "attempt", "created_at", "run_at", "started_at"),
    *("finished_at", "duration_ms", "execution_time_ms", "error_message", "inputs", "output"),
    *("bodies_deleted", "usage", "correlation_id", "replay_of"),
}
START = dt.datetime(2026, 11, 3, 9, tzinfo=dt.UTC)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_an_execution_is_told_with_trace_steps_and_event(
    api: APIClient, make_execution: MakeExecution
) -> None:
    execution = make_execution(
        started_at=START,
        finished_at=START + dt.timedelta(milliseconds=1500),
        trace=[{"field": "plan", "met": True}],
        inputs={"plan": "pro", "api_key": "abc"},
        usage={"total_tokens": 12},
    )
    Step.objects.create(
        execution=execution, number=1, kind="notify", effect="none", idempotency_key="k",
        state=StepState.DONE, started_at=START, response={"token": "abc", "ok": True},
    )  # fmt: skip
    answer = api.get(f"{URL}/{execution.pk}")
    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() >= FIELDS
    assert told["duration_ms"] == told["execution_time_ms"] == 1500
    assert told["trace"] == [{"field": "plan", "met": True}]
    assert told["inputs"] == {"plan": "pro", "api_key": "[redacted]"}
    assert told["usage"] == {"total_tokens": 12}
    assert told["steps"][0]["kind"] == "notify"
    assert told["steps"][0]["response"] == {"token": "[redacted]", "ok": True}
    assert told["event"]["payload"]["data"] == {"plan": "pro", "password": "[redacted]"}
    assert told["started_at"].endswith("Z")


def test_lists_are_narrowed(
    api: APIClient, make_execution: MakeExecution, trigger: Trigger
) -> None:
    done = make_execution(started_at=START, finished_at=START)
    late = make_execution(
        status=Status.TIMED_OUT, error={"type": "Timeout"}, error_message="too slow"
    )
    cold = make_execution(status=Status.SKIPPED, reason="cooldown", is_test=True)

    def found(query: str) -> list[Execution]:
        mine = {str(row.pk): row for row in (done, late, cold)}
        return [mine[pk] for pk in ids(api.get(f"{URL}?{query}"))]

    assert found("") == [cold, late, done]
    assert found("status=success") == [done]
    assert found("status=completed,timeout") == [late, done]
    assert found("reason=cooldown") == [cold]
    assert found("is_test=true") == [cold]
    assert found("error=Timeout") == found("error=SLOW") == [late]
    assert (
        found("trigger_type=custom")
        == found("trigger_type=custom: signed_up")
        == [cold, late, done]
    )
    assert found("trigger_type=event") == []
    assert found(f"trigger_id={trigger.pk}&agent_id={trigger.agent_id}&status=success") == [done]
    assert found(f"event_id={done.event_id}&subject=contact:1&reason=cooldown") == [cold]
    assert found("subject=contact:2") == []
    assert found("since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z") == [cold, late, done]
    assert found("start_date=2100-01-01") == found("end_date=2020-01-01") == []
    assert found("since=0001-01-01T00:00:00Z&sort_by=executed_at&sort_order=asc") == [
        done,
        late,
        cold,
    ]
    assert found("sort_by=duration_ms")[0] == done


@pytest.mark.parametrize(
    "query",
    [
        *("status=maybe", "reason=because", "trigger_id=1", "event_id=x", "since=yesterday"),
        *("until=99999-01-01", "sort_by=inputs", "sort_order=up", "page=x", "is_test=7"),
        "error=%00",
    ],
)
def test_bad_queries_are_told(api: APIClient, query: str) -> None:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["details"]) == [query.split("=", maxsplit=1)[0]]


def test_history_outlives_its_trigger(
    api: APIClient, make_execution: MakeExecution, trigger: Trigger
) -> None:
    execution = make_execution()
    pk = trigger.pk
    trigger.delete()
    assert ids(api.get(f"{URL}?trigger_id={pk}")) == [str(execution.pk)]
    assert api.get(f"{URL}/{execution.pk}").json()["trigger_name"] == "Signed up"


def test_lists_take_the_same_queries_however_long(
    api: APIClient, make_execution: MakeExecution, trigger: Trigger
) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(path).status_code == 200
        return len(queries)

    make_execution()
    api.get(URL)
    addresses = (URL, f"/api/v1/triggers/{trigger.pk}/executions", "/api/v1/triggers/events")
    few = [count(path) for path in addresses]
    for _ in range(5):
        make_execution()
    assert [count(path) for path in addresses] == few


def test_executions_of_one_trigger(
    api: APIClient, make_execution: MakeExecution, trigger: Trigger
) -> None:
    execution = make_execution()
    builtin = Trigger.objects.get(is_builtin=True)
    assert ids(api.get(f"/api/v1/triggers/{trigger.pk}/executions")) == [str(execution.pk)]
    assert ids(api.get(f"/api/v1/triggers/{trigger.pk}/executions?status=failed")) == []
    assert ids(api.get(f"/api/v1/triggers/{builtin.pk}/executions")) == []


def test_cancelling_what_waits_and_what_is_over(
    api: APIClient, make_execution: MakeExecution
) -> None:
    waiting, running, over = (
        make_execution(status=status)
        for status in (Status.QUEUED, Status.RUNNING, Status.COMPLETED)
    )
    assert api.post(f"{URL}/{waiting.pk}/cancel").json()["status"] == "cancelled"
    assert api.post(f"{URL}/{running.pk}/cancel").json()["status"] == "running"
    running.refresh_from_db()
    assert running.cancel_requested
    answer = api.post(f"{URL}/{over.pk}/cancel")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "already_finished")
    assert [entry.verb for entry in AuditEntry.objects.all()] == ["cancel", "cancel"]


def test_replaying(api: APIClient, make_execution: MakeExecution) -> None:
    original = make_execution()
    answer = api.post(f"{URL}/{original.pk}/replay")
    assert answer.status_code == 202, answer.content
    again = Execution.objects.get(pk=answer.json()["execution_id"])
    assert (again.replay_of, again.replay_no, again.event_id) == (original.pk, 1, original.event_id)
    assert api.post(f"{URL}/{again.pk}/replay").status_code == 409
    assert AuditEntry.objects.get().after == {"execution_id": str(again.pk)}


def test_another_workspace_and_smaller_scopes(
    foreign_api: APIClient, client_of: MakeClient, owner: Any, make_execution: MakeExecution
) -> None:
    execution = make_execution()
    address = f"{URL}/{execution.pk}"
    assert ids(foreign_api.get(URL)) == []
    for answer in (
        foreign_api.get(address),
        foreign_api.post(f"{address}/cancel"),
        foreign_api.post(f"{address}/replay"),
    ):
        assert answer.status_code == 404
    runner = client_of(owner, scopes=["read", "write", "run"])
    assert runner.post(f"{address}/replay").status_code == 403
    assert client_of(owner, scopes=["read"]).post(f"{address}/cancel").status_code == 403
    assert APIClient().get(URL).status_code == 401


def test_the_newest_are_found_by_the_index(
    api: APIClient, acme: Any, make_execution: MakeExecution
) -> None:
    """PostgreSQL sorts by itself where the order asked for is not the index's own, word for word."""
    make_execution()
    with CaptureQueriesContext(connection) as queries:
        api.get(URL)
    (page,) = (query["sql"] for query in queries if "LIMIT 50" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {page}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "execution_newest" in plan
    assert "Sort" not in plan


def test_contents_that_are_gone_read_null_and_say_so(
    api: APIClient, make_execution: MakeExecution, event: Event
) -> None:
    execution = make_execution(inputs={"a": 1}, output={"b": 2}, bodies_kept_days=7)
    Event.objects.filter(pk=event.pk).update(payload={}, bodies_kept_days=7)
    shown = api.get(f"/api/v1/executions/{execution.pk}").json()
    assert (shown["inputs"], shown["output"]) == (None, None)
    assert shown["bodies_deleted"] == shown["event"]["bodies_deleted"] == "deleted after 7 days"
    assert shown["event"]["payload"] is None
    answer = api.post(f"/api/v1/executions/{execution.pk}/replay")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "cannot_replay")
    assert answer.json()["error_message"] == "What its event said was deleted after 7 days."
