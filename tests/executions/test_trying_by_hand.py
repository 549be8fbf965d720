"""People try examples by hand: all, some, and before there is a trigger."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from executions.models import AuditEntry, Spending
from tests.agents.modelserver import ModelServer
from tests.conftest import MakeClient, MakeMember
from tests.executions import examples
from tests.executions.examples import ASKED, URL, body_of
from triggers.models import ConditionTrial

pytestmark = pytest.mark.django_db(transaction=True)
thinker = examples.thinker


def test_trying_by_hand_is_in_the_trail_and_bounded(
    api: APIClient, thinker: Agent, client_of: MakeClient, member: MakeMember, settings: Settings
) -> None:
    pk = api.post(URL, body_of(thinker, enabled=False)).json()["id"]
    assert api.post(f"{URL}/{pk}/try-conditions").json()["passed"] == 2
    assert AuditEntry.objects.filter(verb="try_conditions").count() == 1
    bob: User = member("bob")
    reader = client_of(bob, scopes=["read"])
    assert reader.post(f"{URL}/{pk}/try-conditions").status_code == 403
    assert reader.get(f"{URL}/{pk}/try-conditions").status_code == 200
    settings.TRY_PER_MINUTE = 1
    runner = client_of(bob, scopes=["read", "run"])
    answers = [runner.post(f"{URL}/{pk}/try-conditions").status_code for _ in range(2)]
    assert answers == [200, 429]


def test_some_conditions_may_be_tried_alone(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    both = {
        "type": "combined",
        "logic": "AND",
        "conditions": [ASKED, {**ASKED, "description": "A price is asked."}],
    }
    told = api.post(URL, body_of(thinker, enabled=False, conditions=both)).json()
    paths = [one["path"] for one in told["examples"]["questions"]]
    assert len(paths) == 2
    address = f"{URL}/{told['id']}/try-conditions"
    refusals: list[Any] = [
        {"paths": ["nowhere"]},
        {"paths": []},
        {"paths": "all"},
        {"path": ""},
        [1],
    ]
    for wrong in refusals:
        refused = api.post(address, wrong)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "invalid"), wrong
    assert brain.asked == []
    answer = api.post(address, {"paths": paths[1:]}).json()
    assert [one["total"] for one in answer["questions"]] == [0, 2]
    assert len(brain.asked) == 2


def test_conditions_are_tried_before_there_is_a_trigger(
    api: APIClient, thinker: Agent, client_of: MakeClient, owner: User
) -> None:
    body = {"conditions": [ASKED], "agent_id": str(thinker.pk), "try": True}
    answer = api.post(f"{URL}/validate-conditions", body)
    assert answer.status_code == 200, answer.content
    (question,) = answer.json()["examples"]
    assert (question["passed"], question["total"], question["path"]) == (2, 2, "rules[0]")
    assert Spending.objects.count() == 2
    assert not ConditionTrial.objects.exists()
    for wrong in ({"try": "yes"}, {"agent_id": None}, {"agent_id": "x"}):
        refused = api.post(f"{URL}/validate-conditions", {**body, **wrong})
        assert refused.status_code == 400, refused.content
    reader = client_of(owner, scopes=["read"])
    assert reader.post(f"{URL}/validate-conditions", body).status_code == 403
