"""Types of triggers that this installation has turned off: not offered, kept where they are, and silent."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as AdminClient
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from config import checks
from config.lib import clock
from executions.models import Execution, Reason
from tests.stories import MakeAgent, MakeTrigger
from tests.webhooks import Client
from triggers import schedules, sources
from triggers.models import Event, Schedule, Trigger, WebhookEndpoint, WebhookRejection

pytestmark = pytest.mark.django_db
SECRET = "a secret of some length"
HOOK: dict[str, Any] = {"webhook_type": "generic", "webhook_config": {"secret": SECRET}}
CRON = {"cron_expression": "* * * * *"}
CONFIGS: dict[str, dict[str, Any]] = {
    "webhook": HOOK,
    "cron": CRON,
    "custom": {"endpoint": "signed_up"},
}


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    return make_agent("A", {"action": "notify", "params": {"message": "Hello"}})


def create(api: APIClient, agent: Agent, kind: str, name: str = "T", **config: Any) -> Any:
    given = {"name": name, "agent_id": str(agent.pk), "trigger_type": kind}
    return api.post("/api/v1/triggers", {**given, "config": {**CONFIGS.get(kind, {}), **config}})


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_new_ones_are_refused_by_name(
    kind: str, api: APIClient, agent: Agent, settings: Settings
) -> None:
    settings.TRIGGERS_OFF = [kind]
    answer = create(api, agent, kind)
    assert answer.status_code == 400
    (said,) = answer.json()["details"]["trigger_type"]
    assert "turned off" in said
    for other in set(CONFIGS) - {kind}:
        assert create(api, agent, other, name=other).status_code == 201


def test_one_sender_can_be_turned_off(api: APIClient, agent: Agent, settings: Settings) -> None:
    settings.TRIGGERS_OFF = ["webhook:github"]
    refused = create(api, agent, "webhook", webhook_type="github")
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["config"])
    assert create(api, agent, "webhook").status_code == 201


def test_what_exists_stays_can_be_changed_and_says_so(
    api: APIClient, agent: Agent, settings: Settings
) -> None:
    url = f"/api/v1/triggers/{create(api, agent, 'webhook').json()['id']}"
    settings.TRIGGERS_OFF = ["webhook:generic"]
    assert api.get(url).status_code == 200
    changed = api.patch(url, {"name": "Another", "config": {**api.get(url).json()["config"]}})
    assert changed.status_code == 200, changed.content
    told = api.get(f"{url}/status").json()
    assert told["is_ready"] is False
    assert any("turned off" in check["message"] for check in told["diagnosis"])
    assert api.patch(url, {"config": {**HOOK, "webhook_type": "github"}}).status_code == 200


def test_its_webhook_answers_so_and_a_row_tells_it(
    api: APIClient, agent: Agent, settings: Settings
) -> None:
    pk = create(api, agent, "webhook").json()["id"]
    address = f"/webhooks/{WebhookEndpoint.objects.get(trigger_id=pk).sealed}"
    signature = hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()

    def send() -> Any:
        headers = {"X-Webhook-Signature": signature}
        return Client().post(address, b"{}", content_type="application/json", headers=headers)

    settings.TRIGGERS_OFF = ["webhook"]
    answer = send()
    assert (answer.status_code, answer.json()["error_code"]) == (503, "turned_off")
    assert int(answer["Retry-After"]) > 0
    assert not Event.objects.exists()
    assert WebhookRejection.objects.get().reason == "turned_off"
    settings.TRIGGERS_OFF = []
    assert send().status_code == 202


@pytest.mark.django_db(transaction=True)
def test_events_are_skipped_with_the_reason(
    agent: Agent,
    make_trigger: MakeTrigger,
    api: APIClient,
    run_everything_due: Callable[[], None],
    settings: Settings,
) -> None:
    make_trigger(agent, "signed_up")
    settings.TRIGGERS_OFF = ["event"]
    api.post("/api/v1/triggers/emit", {"endpoint": "signed_up", "data": {}})
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.reason) == ("skipped", Reason.TRIGGER_DISABLED)


def test_schedules_wait_and_catch_up(api: APIClient, agent: Agent, settings: Settings) -> None:
    create(api, agent, "cron")
    moment = clock.now().replace(second=0, microsecond=0)
    Schedule.objects.update(next_slot_at=moment, next_fire_at=moment)
    settings.TRIGGERS_OFF = ["cron"]
    later = moment + dt.timedelta(seconds=5)
    assert schedules.fire_due(now=later) == 0
    settings.TRIGGERS_OFF = []
    assert schedules.fire_due(now=later) == 1


def test_the_admin_does_not_offer_it(
    owner: User, agent: Agent, api: APIClient, settings: Settings
) -> None:
    owner.is_staff = True
    owner.save()
    browser = AdminClient()
    browser.force_login(owner)
    existing = create(api, agent, "cron").json()["id"]
    settings.TRIGGERS_OFF = ["cron", "webhook:telegram"]
    page = browser.get("/admin/triggers/trigger/add/").content.decode()
    assert 'value="cron"' not in page
    assert 'value="webhook"' in page
    assert "telegram" not in page.split("id_config")[1].split("endpoint")[0]
    kept = browser.get(f"/admin/triggers/trigger/{existing}/change/").content.decode()
    assert 'value="cron"' in kept
    assert "turned off on this installation" in kept
    assert "(turned off)" in browser.get("/admin/triggers/trigger/").content.decode()


def test_running_by_hand_is_always_on(settings: Settings) -> None:
    settings.TRIGGERS_OFF = ["manual"]
    assert sources.why_off("manual", {}) == ""
    (fault,) = [one for one in checks.safe_settings() if one.id == "triggerfish.E005"]
    assert "manual" in fault.msg


def test_names_that_mean_nothing_are_refused_at_the_start(settings: Settings) -> None:
    settings.TRIGGERS_OFF = ["cron", "webhook:github", "webhook:own", "webhok"]
    (fault,) = [one for one in checks.safe_settings() if one.id == "triggerfish.E005"]
    assert "webhok" in fault.msg
    assert "github" not in fault.msg


def test_every_type_can_be_turned_off(settings: Settings) -> None:
    names = [name for name in sources.registry if name != "manual"]
    settings.TRIGGERS_OFF = names
    assert sources.unknown_switches(names) == []
    assert all(sources.why_off(name, {}) for name in names)
    assert Trigger.objects.count() == 0
