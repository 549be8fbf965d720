"""Triggers are tried over REST: tests, which run once, and dry runs, which write nothing."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from executions.models import AuditEntry, Execution, Status
from tests.executions.views.asking import URL
from tests.executions.views.conftest import MakeTrigger
from triggers import event_types
from triggers.models import Event, Trigger

EATEN = event_types.register(
    "tests_triggers.eaten",
    label="Eaten",
    schema={"type": "object", "properties": {"apples": {"type": "integer"}}},
    sample={"apples": 3},
).name


def test_a_test_runs_once_and_is_marked(api: APIClient, trigger: Trigger) -> None:
    answer = api.post(f"{URL}/{trigger.pk}/test", {"event": {"plan": "pro"}})
    assert answer.status_code == 202, answer.content
    execution = Execution.objects.get(pk=answer.json()["execution_id"])
    assert execution.is_test
    assert (execution.status, execution.trigger) == (Status.QUEUED, trigger)
    assert execution.event.payload == {"endpoint": "signed_up", "data": {"plan": "pro"}}
    assert AuditEntry.objects.get().verb == "test"


def test_a_test_makes_up_a_sample(api: APIClient, make_trigger: MakeTrigger) -> None:
    trigger = make_trigger("Filtered", config={"endpoint": "a", "filter": {"plan": "pro"}})
    answer = api.post(f"{URL}/{trigger.pk}/test")
    assert Execution.objects.get(pk=answer.json()["execution_id"]).status == Status.QUEUED


@pytest.mark.parametrize("event", [[], "x", 5])
def test_a_test_with_nonsense(api: APIClient, trigger: Trigger, event: Any) -> None:
    for verb in ("test", "dry-run"):
        answer = api.post(f"{URL}/{trigger.pk}/{verb}", {"event": event})
        assert answer.status_code == 400
        assert list(answer.json()["details"]) == ["event"]
    assert not Execution.objects.exists()


def test_a_test_with_a_payload_that_the_type_cannot_have(
    api: APIClient, make_trigger: MakeTrigger
) -> None:
    trigger = make_trigger(trigger_type="event", config={"event_type": EATEN})
    answer = api.post(f"{URL}/{trigger.pk}/test", {"event": {"apples": "many"}})
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["event.apples"])
    assert not Event.objects.exists()


def test_a_dry_run_judges_and_writes_nothing(api: APIClient, make_trigger: MakeTrigger) -> None:
    trigger = make_trigger(
        conditions=[{"field": "data.age", "operator": "gt", "value": 17}],
        input_mapping={"years": "$.data.age"},
    )
    young = api.post(f"{URL}/{trigger.pk}/dry-run", {"event": {"age": 3}}).json()
    assert (young["would_run"], young["reason"]) == (False, "condition_false")
    assert young["trace"][0]["actual"] == 3
    old = api.post(f"{URL}/{trigger.pk}/dry-run", {"event": {"age": 30}}).json()
    assert (old["would_run"], old["inputs"]["years"]) == (True, 30)
    assert not Event.objects.exists()
    assert not Execution.objects.exists()


@pytest.mark.parametrize("verb", ["test", "dry-run"])
def test_the_event_to_try_with_goes_under_its_name(
    api: APIClient, trigger: Trigger, verb: str
) -> None:
    """Else the sample would be tried in its place."""
    answer = api.post(f"{URL}/{trigger.pk}/{verb}", {"evnt": {"plan": "pro"}})
    assert (answer.status_code, answer.json()["details"]) == (
        400,
        {"evnt": ["Unknown field. Did you mean 'event'?"]},
    )
    assert not Event.objects.exists()
