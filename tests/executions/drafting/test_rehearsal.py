"""What a drafted trigger would have done: the right events of its workspace, judged as dispatch does, in one query."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from crm.models import Workspace
from executions.drafting import rehearsal
from triggers import blueprint, events
from triggers.models import Event, Trigger


def trigger(workspace: Workspace, kind: str, config: dict[str, Any], **more: Any) -> Trigger:
    """Not saved."""
    row = Trigger(workspace=workspace)
    given = {"name": "Drafted", "trigger_type": kind, "config": config, **more}
    blueprint.apply(row, given, agent=Agent(workspace=workspace, name="Drafted"))
    return row


def emit(workspace: Workspace, name: str, **data: Any) -> Event:
    payload = {"endpoint": name, "data": data}
    return events.emit(name, workspace_id=workspace.pk, payload=payload, source="custom")


def rehearsed(row: Trigger) -> list[tuple[str, bool | None, str]]:
    return [
        (one["type"], one["would_run"], one["reason"]) for one in rehearsal.rehearse(row)["results"]
    ]


def test_the_newest_events_come_first_and_only_so_many(acme: Workspace) -> None:
    made = [emit(acme, "order.paid", number=number) for number in range(25)]
    told = rehearsal.rehearse(trigger(acme, "custom", {"endpoint": "order.paid"}))
    assert (told["events"], told["would_run"]) == (20, 20)
    assert [one["event_id"] for one in told["results"]] == [str(e.pk) for e in made[:4:-1]]


@pytest.mark.parametrize(
    ("kind", "config", "heard"),
    [
        ("custom", {"endpoint": "order.paid"}, ["order.paid"]),
        ("event", {"event_type": "order.*"}, ["order.sent", "order.paid"]),
        ("event", {"event_type": "*"}, ["orders", "order.sent", "order.paid"]),
        ("event", {"event_type": "order.lost"}, []),
        ("manual", {}, []),
    ],
)
def test_the_events_are_those_that_it_would_hear(
    acme: Workspace, other: Workspace, kind: str, config: dict[str, Any], heard: list[str]
) -> None:
    for name in ("order.paid", "order.sent", "orders"):
        emit(acme, name)
        emit(other, name)
    row = trigger(acme, kind, config)
    with CaptureQueriesContext(connection) as asked:
        found = rehearsed(row)
    assert [name for name, _, _ in found] == heard
    assert len(asked) == 1


def test_conditions_and_filters_are_judged_as_dispatch_does(acme: Workspace) -> None:
    emit(acme, "order.paid", amount=5, shop="a")
    emit(acme, "order.paid", amount=50, shop="a")
    emit(acme, "order.paid", amount=50, shop="b")
    emit(acme, "order.paid", amount="much", shop="a")
    row = trigger(
        acme,
        "custom",
        {"endpoint": "order.paid", "filter": {"shop": "a"}},
        conditions=[{"field": "amount", "operator": "greater_than", "value": 10}],
    )
    assert [found[1:] for found in rehearsed(row)] == [
        (False, "condition_error"),
        (False, "condition_false"),
        (True, ""),
        (False, "condition_false"),
    ]


def test_words_that_rules_have_decided_need_no_model(acme: Workspace) -> None:
    emit(acme, "order.paid", amount=5)
    emit(acme, "order.paid", amount=50)
    rules = [
        {"field": "amount", "operator": "greater_than", "value": 10},
        {"type": "llm", "description": "It is urgent"},
    ]
    tree = {"type": "combined", "logic": "AND", "conditions": rules}
    row = trigger(acme, "custom", {"endpoint": "order.paid"}, conditions=tree)
    assert [found[1:] for found in rehearsed(row)] == [
        (None, "needs_model"),
        (False, "condition_false"),
    ]


def test_an_event_without_its_payload_says_so(acme: Workspace) -> None:
    event = emit(acme, "order.paid")
    Event.objects.filter(pk=event.pk).update(bodies_kept_days=7, payload={})
    found = rehearsed(trigger(acme, "custom", {"endpoint": "order.paid"}))
    assert found == [("order.paid", False, "payload_deleted")]


def test_a_schedule_says_when_it_would_fire(acme: Workspace) -> None:
    told = rehearsal.rehearse(trigger(acme, "cron", {"cron_expression": "0 9 * * *"}))
    assert told["events"] == 0
    assert len(told["next"]) == 5


_MANY = """
INSERT INTO triggers_event (id, root_id, workspace_id, type, topic, source, occurred_at, subject, dedupe_key, payload,
    actor, verified, depth, chain, correlation_id, state, attempts, executions_count, error)
SELECT gen_random_uuid(), gen_random_uuid(), %s, name, name, 'custom', now(), '', '', '{}', 'system', true, 0, '[]', '',
    'matched', 0, 0, ''
FROM (SELECT CASE WHEN n %% 5000 = 0 THEN 'order.paid' ELSE 'noise' END AS name FROM generate_series(1, 50000) n) many
"""


def test_no_query_reads_the_whole_history(acme: Workspace) -> None:
    mine = Event.objects.filter(workspace=acme)
    with connection.cursor() as cursor:
        cursor.execute(_MANY, [acme.pk])
        cursor.execute("ANALYZE triggers_event")
    plan = mine.heard_at("order.paid", kind="order.paid", limit=20).explain()
    assert "event_type_newest" in plan, plan
    plan = mine.heard_at("order.*", kind="order.paid", limit=20).explain()
    assert "Seq Scan" not in plan, plan
