"""The examples of a condition in words are its tests: nothing listens whose examples fail."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from config.lib import clock
from crm.models import Workspace
from executions import launch, trying
from executions.models import Spending
from tests.agents.modelserver import Fault, ModelServer, Say
from tests.executions import examples
from tests.executions.examples import ASKED, URL, body_of, by_words, verdict
from triggers import trials
from triggers.models import ConditionTrial, Trigger, TriggerStatus
from triggers.problems import ExamplesFailed, ExamplesUntried

pytestmark = pytest.mark.django_db(transaction=True)
thinker = examples.thinker


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
