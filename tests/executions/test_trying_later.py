"""Examples that cannot be tried at once are tried later, and all of them anew with a new model."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from agents import blueprint as agent_blueprint
from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions import budgets, sweep, trying
from executions.models import Alert, AlertKind
from tests.agents.modelserver import Fault, ModelServer, Reply
from tests.executions import examples
from tests.executions.examples import URL, body_of, by_words, verdict
from triggers.models import ConditionTrial

pytestmark = pytest.mark.django_db(transaction=True)
thinker = examples.thinker


def test_it_waits_for_a_model_that_is_away(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    brain.think = lambda _body: Fault.SERVER_ERROR
    answer = api.post(URL, body_of(thinker))
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert told["enabled"] is False
    assert "Stored paused" in told["warnings"][0]
    assert told["examples"]["activates_when_tried"] is True
    refused = api.post(f"{URL}/{told['id']}/enable")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "examples_untried")

    brain.think = by_words("cost")
    ConditionTrial.objects.update(due_at=clock.now())
    assert trying.try_due() == 1
    assert api.get(f"{URL}/{told['id']}").json()["enabled"] is True


def test_who_pauses_it_does_not_want_it_any_more(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    brain.think = lambda _body: Fault.SERVER_ERROR
    pk = api.post(URL, body_of(thinker)).json()["id"]
    api.post(f"{URL}/{pk}/pause")
    brain.think = by_words("cost")
    ConditionTrial.objects.update(due_at=clock.now())
    assert trying.try_due() == 1
    assert api.get(f"{URL}/{pk}").json()["enabled"] is False


def test_sending_back_what_was_answered_goes_on_waiting(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    brain.think = lambda _body: Fault.SERVER_ERROR
    told = api.post(URL, body_of(thinker)).json()
    again = api.put(f"{URL}/{told['id']}", {"enabled": told["enabled"], "description": "Prices"})
    assert again.json()["examples"]["activates_when_tried"] is True


def test_what_waited_and_fails_stays_paused_and_says_so(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    brain.think = lambda _body: Fault.SERVER_ERROR
    pk = api.post(URL, body_of(thinker)).json()["id"]
    brain.think = by_words("cake")
    ConditionTrial.objects.update(due_at=clock.now())
    trying.try_due()
    told = api.get(f"{URL}/{pk}").json()
    assert (told["enabled"], told["examples"]["activates_when_tried"]) == (False, False)
    assert "stays paused" in Alert.objects.get().message


def test_a_paused_trigger_is_tried_in_the_background(api: APIClient, thinker: Agent) -> None:
    pk = api.post(URL, body_of(thinker, enabled=False)).json()["id"]
    assert ConditionTrial.objects.get().tried_at is None
    assert (trying.try_due(), trying.try_due()) == (1, 0)
    told = api.get(f"{URL}/{pk}").json()
    assert (told["examples"]["state"], told["enabled"]) == ("passed", False)


def test_a_new_model_is_tried_and_stops_nobody(
    api: APIClient, acme: Workspace, thinker: Agent, brain: ModelServer
) -> None:
    pk = api.post(URL, body_of(thinker)).json()["id"]
    sweep.try_changed_models()
    assert trying.try_due() == 0, "nothing is due"
    brain.think = by_words("cake")
    agent_blueprint.store(thinker, {"model": "local:smaller"})
    sweep.try_changed_models()
    assert trying.try_due() == 1
    told = api.get(f"{URL}/{pk}").json()
    assert (told["enabled"], told["examples"]["state"]) == (True, "failed")
    checks = {one["check"]: one for one in api.get(f"{URL}/{pk}/status").json()["diagnosis"]}
    assert checks["examples"]["ok"], "it listens all the same"
    assert "0 of 2" in checks["examples"]["message"]
    alert = Alert.objects.get(kind=AlertKind.EXAMPLES)
    assert "It goes on" in alert.message
    assert api.patch(f"{URL}/{pk}", {"name": "Renamed"}).status_code == 200
    api.post(f"{URL}/{pk}/pause")
    assert api.post(f"{URL}/{pk}/enable").status_code == 400

    agent_blueprint.store(thinker, {"model": ""})
    acme.default_model = "local:large"
    acme.save()
    brain.think = by_words("cost")
    sweep.try_changed_models()
    assert trying.try_due() == 1
    alert.refresh_from_db()
    assert alert.resolved_at is not None
    assert api.post(f"{URL}/{pk}/enable").status_code == 200


def test_a_new_model_is_tried_by_one_process(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    api.post(URL, body_of(thinker))
    agent_blueprint.store(thinker, {"model": "local:smaller"})
    sweep.try_changed_models()
    meanwhile: list[int] = []

    def think(_body: dict[str, Any]) -> Reply:
        meanwhile.append(ConditionTrial.objects.due(clock.now()).count())
        connection.close()  # of the server's thread
        return verdict(True)

    brain.think = think
    assert trying.try_due() == 1
    assert meanwhile == [0, 0], "another worker would try it as well"


def test_models_are_looked_at_now_and_then(
    thinker: Agent,
    api: APIClient,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "_models_seen_at", None)
    api.post(URL, body_of(thinker))
    with django_assert_num_queries(1):
        sweep.try_changed_models_if_due(monotonic=lambda: 100.0)
        sweep.try_changed_models_if_due(monotonic=lambda: 129.0)
    agent_blueprint.store(thinker, {"model": "local:smaller"})
    sweep.try_changed_models_if_due(monotonic=lambda: 130.0)
    assert ConditionTrial.objects.due(clock.now()).count() == 1


def test_an_outage_stops_nobody(api: APIClient, thinker: Agent, brain: ModelServer) -> None:
    pk = api.post(URL, body_of(thinker)).json()["id"]
    brain.think = lambda _body: Fault.SERVER_ERROR
    agent_blueprint.store(thinker, {"model": "local:smaller"})
    sweep.try_changed_models()
    trying.try_due()
    told = api.get(f"{URL}/{pk}").json()
    assert (told["enabled"], told["examples"]["state"]) == (True, "untried")
    assert told["examples"]["questions"][0]["error"]
    row = ConditionTrial.objects.get()
    assert row.due_at is not None
    assert row.due_at > clock.now() + dt.timedelta(seconds=50)


def test_a_spent_budget_leaves_it_untried(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    agent_blueprint.store(thinker, {"restrictions": {"max_tokens_per_day": 5}})
    answer = api.post(URL, body_of(thinker))
    assert answer.json()["enabled"] is False
    assert "budget of 5 tokens" in answer.json()["warnings"][0]
    assert len(brain.asked) == 1
    assert budgets.of_day(thinker, clock.now()).calls == 1


def test_without_a_model_it_waits_and_says_what_to_do(api: APIClient, acme: Workspace) -> None:
    agent = Agent.objects.create(workspace=acme, name="Mute", status=AgentStatus.LIVE)
    answer = api.post(URL, body_of(agent))
    assert (answer.status_code, answer.json()["enabled"]) == (201, False)
    assert "No model is set up" in answer.json()["warnings"][0]
