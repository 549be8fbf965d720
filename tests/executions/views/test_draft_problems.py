"""What keeps a model from drafting well or at all: its answers, its absence, and the limits on asking it."""

from __future__ import annotations

import threading

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from config.lib import waits
from crm.models import Workspace
from executions import drafting
from tests.agents.modelserver import Fault, ModelServer
from tests.executions.drafting.answers import GOOD, answer, good
from tests.executions.views.drafts import draft

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def unhurried(settings: Settings) -> None:
    settings.DRAFTS_PER_MINUTE = 0


def test_the_budget_of_the_day_holds_drafts_too(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    local.budgets = {"max_tokens_per_day": 1000}
    local.save()
    brain.say(answer(GOOD))
    assert draft(api).status_code == 200  # passed by one call at most
    body = draft(api)
    assert (body.status_code, body.json()["error_code"]) == (429, "budget_spent")
    assert int(body["Retry-After"]) > 0
    assert len(brain.asked) == 1


HOPELESS = {
    "no schema": ({"agent": {}}, "draft"),
    "no such event": (good(trigger__config={"event_type": "!"}), "trigger.config.event_type"),
    "no such action": (good(agent__steps=[{"action": "fly", "params": {}}]), "agent.steps[0].action"),
    "no such type": (good(trigger__trigger_type="magic"), "trigger.trigger_type"),
    "no steps": (good(agent__steps=[]), "agent.steps"),
    "broken condition": (good(trigger__conditions={"type": "rule", "rules": [{}]}), "trigger.conditions"),
    "a queue": (good(trigger__trigger_type="message_queue"), "trigger.config"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOPELESS)
def test_a_hopeless_answer_is_shown_with_its_problems(
    kind: str, api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    value, path = HOPELESS[kind]
    brain.say(answer(value))
    body = draft(api)
    assert body.status_code == 200
    told = body.json()
    assert any(found.startswith(path) for found in told["problems"]), told["problems"]
    assert told["usage"]["calls"] == 3
    assert set(told["draft"]) == {"agent", "trigger"}


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.TOO_MANY, Fault.HALF])
def test_a_model_that_is_away_is_503(
    fault: Fault, api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    brain.say(fault)
    body = draft(api)
    assert (body.status_code, body.json()["error_code"]) == (503, "model_away")
    assert body["Retry-After"]


def test_a_silent_model_is_left_after_its_time(
    api: APIClient, local: Workspace, brain: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafting, "SECONDS", 0.5)
    brain.say(Fault.SILENT)
    assert draft(api).status_code == 503


def test_a_model_that_goes_away_while_it_mends_leaves_the_draft(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    brain.say(answer(good(trigger__config={"event_type": "!"})), Fault.SERVER_ERROR)
    told = draft(api).json()
    assert "trigger.config.event_type" in told["problems"]
    assert any("could not be asked to mend" in said for said in told["warnings"])


def test_a_refused_key_says_what_to_change(
    api: APIClient, local: Workspace, brain: ModelServer
) -> None:
    brain.say(Fault.UNAUTHORISED)
    body = draft(api)
    assert (body.status_code, body.json()["error_code"]) == (400, "model_refused")


@pytest.mark.parametrize(
    ("model", "says"), [("", "offline:rules"), ("nobody:x", "Model providers"), ("x", "provider:model")]
)  # fmt: skip
def test_without_a_model_it_says_what_to_do(api: APIClient, model: str, says: str) -> None:
    body = draft(api, model=model)
    assert body.status_code == 400
    assert says in body.json()["details"]["model"][0]


def test_drafting_is_limited_per_minute(
    api: APIClient, settings: Settings, acme: Workspace
) -> None:
    settings.DRAFTS_PER_MINUTE = 1
    codes = [draft(api, model="offline:rules").status_code for _ in range(3)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_drafts_leave_threads_for_others(
    api: APIClient, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "_places", threading.BoundedSemaphore(1))
    with waits.place():
        body = draft(api, model="offline:rules")
    assert (body.status_code, body.json()["error_code"]) == (503, "busy")
    assert draft(api, model="offline:rules").status_code == 200
