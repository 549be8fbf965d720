"""Lists of triggers over REST."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from agents.models import Agent
from executions.models import TriggerGate
from tests.executions.views.asking import URL, names
from tests.executions.views.conftest import MakeTrigger
from triggers.models import Trigger, TriggerStatus


def test_lists_are_narrowed(api: APIClient, agent: Agent, make_trigger: MakeTrigger) -> None:
    make_trigger("A custom one")
    make_trigger("An event one", trigger_type="event", config={"event_type": "x"}, enabled=False)
    both = ["A custom one", "An event one"]
    assert names(api.get(URL)) == both
    assert names(api.get(f"{URL}?enabled_only=true")) == both[:1]
    assert names(api.get(f"{URL}?status=paused")) == both[1:]
    assert names(api.get(f"{URL}?trigger_type=event")) == both[1:]
    assert names(api.get(f"{URL}/type/custom")) == both[:1]
    assert names(api.get(f"{URL}?agent_id={agent.pk}")) == both
    assert names(api.get(f"{URL}?pipeline_id={uuid.uuid4()}")) == []
    assert names(api.get(f"{URL}/agent/{agent.pk}?enabled_only=true")) == both[:1]
    assert names(api.get(f"{URL}/pipeline/{agent.pk}")) == both
    assert names(api.get(f"{URL}?search=custom")) == both[:1]
    assert names(api.get(f"{URL}?sort_by=name&sort_order=desc")) == both[::-1]


def test_the_built_in_one_is_shown_where_asked_for_and_kept(api: APIClient, agent: Agent) -> None:
    builtin = Trigger.objects.get(agent=agent, is_builtin=True)
    assert names(api.get(URL)) == names(api.get(f"{URL}?include_builtin=false")) == []
    assert names(api.get(f"{URL}?include_builtin=true")) == [builtin.name]
    address = f"{URL}/{builtin.pk}"
    for answer in (
        api.delete(address),
        api.patch(address, {"name": "Mine"}),
        api.post(f"{address}/disable"),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (409, "builtin_trigger")
    assert Trigger.objects.get(pk=builtin.pk).status == TriggerStatus.ACTIVE


@pytest.mark.parametrize(
    "query",
    [
        "status=no",
        "agent_id=5",
        "enabled_only=perhaps",
        "page=0",
        "page_size=201",
        "sort_by=secret",
    ],
)
def test_bad_queries_are_told(api: APIClient, query: str) -> None:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["details"]) == [query.split("=", maxsplit=1)[0]]


def test_a_list_takes_the_same_queries_however_long(
    api: APIClient, make_trigger: MakeTrigger
) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert api.get(URL).status_code == 200
        return len(queries)

    make_trigger("one")
    api.get(URL)
    few = count()
    for number in range(5):
        TriggerGate.objects.create(trigger=make_trigger(f"more {number}"))
    assert count() == few


def test_lists_of_a_type(api: APIClient, trigger: Trigger) -> None:
    assert names(api.get(f"{URL}/type/CUSTOM")) == names(api.get(f"{URL}?trigger_type=Custom"))
    assert names(api.get(f"{URL}/type/custom")) == [trigger.name]
    assert names(api.get(f"{URL}/type/manual")) == []  # the built-in ones are not shown
    assert api.get(f"{URL}/type/telepathy").status_code == 404
    assert api.get(f"{URL}?trigger_type=telepathy").status_code == 400
