"""The examples of a condition in words are its tests: nothing listens whose examples fail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from agents import blueprint as agent_blueprint
from agents.models import Agent, AgentStatus
from config.lib import clock
from crm.models import Workspace
from executions import budgets, launch, sweep, trying
from executions.models import Alert, AlertKind, AuditEntry, Spending
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Reply, Say
from tests.conftest import MakeClient, MakeMember
from triggers import trials
from triggers.models import ConditionTrial, Trigger, TriggerStatus
from triggers.problems import ExamplesFailed, ExamplesUntried

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/triggers"
ASKED: dict[str, Any] = {
    "type": "llm",
    "description": "The message asks for prices.",
    "context_fields": ["form.fields.message"],
    "examples": [
        {"input": "What does it cost?", "expected": True},
        {"input": "Thank you for the cake", "expected": False},
    ],
}


def verdict(match: bool, confidence: float = 0.9) -> Say:
    said = {"match": match, "reason": "So it says.", "evidence": "", "confidence": confidence}
    return Say(calls=[("answer", said)])


def by_words(*words: str) -> Callable[[dict[str, Any]], Reply]:
    """A model that says yes where the data has one of the words."""
    return lambda body: verdict(any(word in str(body["messages"][-1]) for word in words))


@pytest.fixture
def thinker(acme: Workspace, make_provider: MakeProvider, brain: ModelServer) -> Agent:
    make_provider()
    brain.think = by_words("cost", "price")
    agent = Agent(workspace=acme, status=AgentStatus.LIVE)
    agent_blueprint.store(agent, {"name": "Sales", "model": "local:small"})
    return agent


def body_of(agent: Agent, **fields: Any) -> dict[str, Any]:
    return {
        "name": "Prices",
        "agent_id": str(agent.pk),
        "trigger_type": "event",
        "config": {"event_type": "form_submitted"},
        "conditions": ASKED,
        **fields,
    }


def test_an_enabled_trigger_is_tried_before_it_is_stored(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    answer = api.post(URL, body_of(thinker))
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["enabled"], told["warnings"]) == (True, [])
    assert told["examples"]["state"] == "passed"
    assert (told["examples"]["pass_rate"], told["examples"]["required"]) == (1.0, 1.0)
    assert len(brain.asked) == 2
    assert "cake" in str(brain.asked), "the examples are the data"
    assert Spending.objects.filter(agent_id=thinker.pk, is_settled=True).count() == 2
    row = ConditionTrial.objects.get()
    assert (row.model, row.passed, row.total, row.due_at) == ("local:small", 2, 2, None)
    got = api.get(f"{URL}/{told['id']}/try-conditions").json()["questions"][0]["results"]
    assert [one["got"] for one in got] == [True, False]
    assert got[0]["reason"] == "So it says."
    api.patch(f"{URL}/{told['id']}", {"name": "Others"})
    assert len(brain.asked) == 2, "nothing to try anew"


def test_what_fails_is_refused_with_each_example(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    brain.think = by_words("cake")
    answer = api.post(URL, body_of(thinker))
    assert answer.status_code == 400, answer.content
    assert answer.json()["error_code"] == "examples_failed"
    assert list(answer.json()["details"]) == ["conditions.examples[0]", "conditions.examples[1]"]
    assert "Expected yes, local:small said no (90%): So it says." in str(answer.json()["details"])
    assert not Trigger.objects.visible().exists()

    paused = api.post(URL, body_of(thinker, enabled=False))
    assert paused.status_code == 201
    assert paused.json()["examples"]["state"] == "untried"
    url = f"{URL}/{paused.json()['id']}"
    refused = api.post(f"{url}/enable")
    assert (refused.status_code, refused.json()["error_code"]) == (400, "examples_failed")
    assert api.put(url, {"enabled": True}).status_code == 400
    assert api.post(f"{url}/resume", {"replay_skipped": True}).status_code == 400
    assert api.get(url).json()["examples"]["pass_rate"] == 0.0
    brain.think = by_words("cost")
    assert api.post(f"{url}/try-conditions").json()["state"] == "passed"
    assert api.post(f"{url}/enable").json()["enabled"] is True


def test_a_share_of_the_examples_may_be_enough(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    brain.say(verdict(True))
    brain.think = None
    assert api.post(URL, body_of(thinker)).status_code == 400
    answer = api.post(URL, body_of(thinker, examples_pass_rate=0.5))
    assert answer.status_code == 201, answer.content
    assert answer.json()["examples"]["state"] == "passed"
    assert answer.json()["examples"]["pass_rate"] == 0.5
    bad = api.post(URL, body_of(thinker, name="b", examples_pass_rate=50))
    assert list(bad.json()["details"]) == ["examples_pass_rate"]


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


def test_a_change_of_the_words_is_tried_before_it_counts(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    pk = api.post(URL, body_of(thinker)).json()["id"]
    brain.think = by_words("cake")
    changed = {**ASKED, "description": "The message thanks for something."}
    refused = api.put(f"{URL}/{pk}", {"conditions": changed})
    assert refused.status_code == 400
    stored = api.get(f"{URL}/{pk}").json()
    assert (stored["enabled"], stored["conditions"]["description"]) == (True, ASKED["description"])
    brain.think = by_words("cost")
    assert api.put(f"{URL}/{pk}", {"conditions": changed}).json()["examples"]["state"] == "passed"
    assert ConditionTrial.objects.count() == 1
    assert api.put(f"{URL}/{pk}", {"conditions": []}).status_code == 200
    assert ConditionTrial.objects.count() == 0


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Say("Yes, it does."), "no usable answer"),
        (verdict(True, confidence=0.5), "Too unsure"),
    ],
)
def test_what_is_no_answer_has_failed(
    api: APIClient, thinker: Agent, brain: ModelServer, reply: Say, said: str
) -> None:
    brain.think = lambda _body: reply
    asked = {**ASKED, "examples": ASKED["examples"][:1], "min_confidence": 0.8}
    answer = api.post(URL, body_of(thinker, conditions=asked))
    assert answer.status_code == 400
    assert said in answer.json()["details"]["conditions.examples[0]"][0]


def test_examples_are_tried_side_by_side_and_not_for_long(
    api: APIClient, thinker: Agent, brain: ModelServer, settings: Settings
) -> None:
    asked = {**ASKED, "examples": [{"input": f"cost {n}", "expected": True} for n in range(12)]}
    brain.think = lambda _body: Say(calls=verdict(True).calls, delay=0.3)
    assert api.post(URL, body_of(thinker, conditions=asked)).json()["enabled"] is True
    assert brain.most_at_work > 1
    settings.EXAMPLES_SECONDS = 0.5
    brain.think = lambda _body: Fault.SILENT
    answer = api.post(URL, body_of(thinker, name="Late"))
    assert (answer.status_code, answer.json()["enabled"]) == (201, False)
    assert "did not answer within 0.5 s" in answer.json()["warnings"][0]


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


def test_launch_refuses_what_was_not_tried(acme: Workspace, thinker: Agent, api: APIClient) -> None:
    pk = api.post(URL, body_of(thinker, enabled=False)).json()["id"]
    trigger = Trigger.objects.get(pk=pk)
    with pytest.raises(ExamplesUntried):
        launch.resume(trigger)
    trying.try_now(trigger)
    launch.resume(Trigger.objects.get(pk=pk))
    assert Trigger.objects.get(pk=pk).status == TriggerStatus.ACTIVE


def test_results_of_old_words_are_not_kept_for_new_ones(thinker: Agent, api: APIClient) -> None:
    pk = api.post(URL, body_of(thinker, enabled=False)).json()["id"]
    trigger = Trigger.objects.get(pk=pk)
    (asked,) = trials.follow(trigger)
    api.put(f"{URL}/{pk}", {"conditions": {**ASKED, "description": "It asks about delivery."}})
    trials.record(trigger, [trials.Tried(asked, [])], now=clock.now())
    assert ConditionTrial.objects.get().tried_at is None
    with pytest.raises(ExamplesFailed):
        trying.admit(trigger_with(trigger), before=trying.Standing(), tried=wrong(trigger))


def trigger_with(trigger: Trigger) -> Trigger:
    trigger.status = TriggerStatus.ACTIVE
    return trigger


def wrong(trigger: Trigger) -> list[trials.Tried]:
    result = {
        "passed": False,
        "got": True,
        "expected": False,
        "confidence": 1.0,
        "reason": "",
        "error": "",
    }
    return [trials.Tried(one, [result]) for one in trials.wanted(trigger)]


def test_a_condition_that_only_moves_keeps_its_results(
    api: APIClient, thinker: Agent, brain: ModelServer
) -> None:
    pk = api.post(URL, body_of(thinker)).json()["id"]
    tree = {"type": "combined", "logic": "AND", "conditions": [ASKED]}
    told = api.put(f"{URL}/{pk}", {"conditions": tree}).json()
    assert (told["enabled"], told["examples"]["state"]) == (True, "passed")
    assert (ConditionTrial.objects.get().path, len(brain.asked)) == ("conditions[0]", 2)


def test_enabling_by_put_tries_first(api: APIClient, thinker: Agent, brain: ModelServer) -> None:
    pk = api.post(URL, body_of(thinker, enabled=False)).json()["id"]
    answer = api.put(f"{URL}/{pk}", {"enabled": True})
    assert answer.status_code == 200, answer.content
    assert answer.json()["enabled"] is True
    assert len(brain.asked) == 2
