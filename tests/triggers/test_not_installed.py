"""A type of trigger whose file is gone: its triggers stay, say so, run nothing, and break nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client as AdminClient
from rest_framework.test import APIClient

from crm.models import Workspace
from executions import dispatcher, executor, replay
from executions.models import Execution, Reason
from tests.listeners import listening, wait_until
from tests.stories import MakeAgent, MakeTrigger
from triggers import events, sources
from triggers.models import Listener, Trigger, Watch
from triggers.sources import Config, Source
from triggers.watching import Door, Received, Watcher

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "Its type, 'pigeon', is not installed: what registered it is not loaded."


class Coop(Watcher):
    async def watch(self, door: Door) -> None:
        await door.store([Received({"letter": "Coo."}, "pigeon.landed", key="1")])
        raise RuntimeError("It flew away.")


class Pigeon(Source):
    trigger_type = "pigeon"
    label = "Pigeon"
    config_schema = {
        "type": "object",
        "properties": {"coop": {"type": "string", "title": "Coop"}},
        "required": ["coop"],
    }
    is_watched = True

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return f"pigeon:{config['coop']}"

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"pigeon: {config['coop']}"

    def sample_type(self, config: Config) -> str:
        return "pigeon.landed"

    def sample(self, config: Config) -> dict[str, Any]:
        return {"letter": "Coo."}

    def watcher(self, config: Config) -> Watcher:
        return Coop()


@pytest.fixture
def gone(
    monkeypatch: pytest.MonkeyPatch, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> Callable[[], Trigger]:
    """Installs the type and makes a trigger of it; called, it takes the type away again."""
    monkeypatch.setitem(sources.registry._entries, "pigeon", Pigeon())
    agent = make_agent("A", {"action": "notify", "params": {"message": "Hello"}})
    trigger = make_trigger(
        agent,
        "",
        name="Letters",
        trigger_type="pigeon",
        config={"coop": "north"},
        default_inputs={"a": 1},
    )

    def remove() -> Trigger:
        monkeypatch.delitem(sources.registry._entries, "pigeon")
        return trigger

    return remove


def land(acme: Workspace) -> None:
    events.emit("pigeon.landed", workspace_id=acme.pk, payload={}, topic="pigeon:north")


def test_it_works_while_it_is_there(
    acme: Workspace, gone: Callable[[], Trigger], run_everything_due: Callable[[], None]
) -> None:
    land(acme)
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.trigger_type) == ("completed", "pigeon: north")


def test_its_events_are_skipped_with_the_reason(
    acme: Workspace, gone: Callable[[], Trigger], run_everything_due: Callable[[], None]
) -> None:
    gone()
    land(acme)
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.reason) == ("skipped", Reason.TRIGGER_DISABLED)
    assert (run.error_message, run.trigger_type) == (SAID, "pigeon")
    assert replay.replay(run).reason == Reason.TRIGGER_DISABLED


def test_what_is_queued_does_not_start(acme: Workspace, gone: Callable[[], Trigger]) -> None:
    land(acme)
    dispatcher.dispatch()
    assert Execution.objects.get().status == "queued"
    gone()
    assert executor.drain() == 0
    run = Execution.objects.get()
    assert (run.status, run.reason) == ("skipped", Reason.TRIGGER_DISABLED)


def test_rest_shows_it_and_changes_the_rest_of_it(
    gone: Callable[[], Trigger], api: APIClient
) -> None:
    url = f"/api/v1/triggers/{gone().pk}"
    shown = api.get(url)
    assert shown.json()["trigger_type"] == "pigeon"
    assert api.get("/api/v1/triggers").json()["total_count"] == 1
    assert api.get("/api/v1/triggers/stats").json()["triggers_by_type"]["pigeon"] == 1
    assert api.get("/api/v1/triggers/type/pigeon").status_code == 404
    whole = {**shown.json(), "name": "Old letters", "enabled": False}
    changed = api.put(url, whole)
    assert (changed.status_code, changed.json()["name"]) == (200, "Old letters"), changed.content
    assert changed.json()["status"] == "paused"
    refused = api.patch(url, {"config": {"coop": "south"}})
    assert refused.json()["details"] == {"config": [SAID]}
    assert Trigger.objects.get(is_builtin=False).topic == "pigeon:north"
    assert api.post(f"{url}/enable").status_code == 200
    assert api.delete(url).status_code == 204


def test_rest_says_that_it_is_not_ready(gone: Callable[[], Trigger], api: APIClient) -> None:
    url = f"/api/v1/triggers/{gone().pk}"
    told = api.get(f"{url}/status").json()
    assert told["is_ready"] is False
    wrong = {one["check"]: one["message"] for one in told["diagnosis"] if not one["ok"]}
    assert wrong["service"] == SAID
    dry = api.post(f"{url}/dry-run", {"event": {"letter": "Coo."}}).json()
    assert (dry["would_run"], dry["reason"], dry["note"]) == (False, "trigger_disabled", SAID)
    test = api.post(f"{url}/test", {})
    assert test.status_code == 202
    run = Execution.objects.get(pk=test.json()["execution_id"])
    assert (run.status, run.error_message) == ("skipped", SAID)


def test_a_new_one_is_refused(
    gone: Callable[[], Trigger], api: APIClient, make_agent: MakeAgent
) -> None:
    gone()
    about = {"name": "New", "agent_id": str(make_agent("B").pk), "config": {"coop": "north"}}
    refused = api.post("/api/v1/triggers", {**about, "trigger_type": "pigeon"})
    assert refused.status_code == 400
    assert "Unsupported trigger type 'pigeon'" in refused.json()["details"]["trigger_type"][0]


def test_pages_show_it(gone: Callable[[], Trigger], owner: User) -> None:
    trigger = gone()
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    browser = AdminClient()
    browser.force_login(owner)
    assert "(not installed)" in browser.get("/admin/triggers/trigger/").content.decode()
    page = browser.get(f"/admin/triggers/trigger/{trigger.pk}/change/").content.decode()
    assert "pigeon (not installed)" in page
    assert "what registered it is not loaded" in page
    assert "pigeon" in browser.get(f"/agents/{trigger.agent_id}/").content.decode()
    form = {
        "name": "Renamed", "agent": str(trigger.agent_id), "trigger_type": "pigeon", "failure_threshold": "5",
        "config": '{"coop": "north"}', "conditions": "{}", "input_mapping": "{}", "default_inputs": '{"a": 1}',
        "cooldown_seconds": "0", "enabled": "on",
    }  # fmt: skip
    saved = browser.post(f"/admin/triggers/trigger/{trigger.pk}/change/", form)
    assert saved.status_code == 302, saved.content.decode()
    trigger.refresh_from_db()
    assert (trigger.name, trigger.config) == ("Renamed", {"coop": "north"})


def test_a_listener_lets_it_go(acme: Workspace, gone: Callable[[], Trigger]) -> None:
    with listening():
        wait_until(lambda: Watch.objects.filter(received__gt=0).exists())
    trigger = gone()
    with listening() as again:
        wait_until(lambda: Listener.objects.filter(pk=again.lease).exists())
        assert "pigeon" not in again.types
    assert not Watch.objects.exclude(lease=None).exists()
    assert Trigger.objects.get(pk=trigger.pk).status == "active"


def test_only_the_shape_of_a_type_is_the_tables_business(gone: Callable[[], Trigger]) -> None:
    trigger = gone()
    for name in ("Pigeon", "9lives", "", "a-b"):
        with pytest.raises(IntegrityError, match="trigger_type_well_formed"), transaction.atomic():
            Trigger.objects.filter(pk=trigger.pk).update(trigger_type=name)


def test_a_source_with_a_name_that_no_row_could_have_is_refused() -> None:
    class Loud(Pigeon):
        trigger_type = "PIGEON"

    with pytest.raises(ValueError, match="PIGEON"):
        sources.register(Loud())
