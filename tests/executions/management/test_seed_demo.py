"""The demo: made once, quiet until somebody does something."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from agents import templating
from agents.models import Agent
from crm.models import Contact, Form, Opportunity
from executions import demo
from triggers import sending, sources
from triggers.models import Event, Schedule, Trigger

pytestmark = pytest.mark.django_db


def seed() -> str:
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def test_twice_is_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "a-long-demo-password")
    first = seed()
    Agent.objects.filter(name="VIP alert").update(description="mine")
    assert seed() == first
    assert first.splitlines()[-1] == f"form: /forms/{Form.objects.get().public_id}/"
    assert Agent.objects.count() == Trigger.objects.visible().count() == 6
    assert Agent.objects.get(name="VIP alert").description == "mine"
    assert (Contact.objects.count(), Opportunity.objects.count()) == (4, 4)
    assert Event.objects.count() == 0
    assert User.objects.get(username="admin").check_password("a-long-demo-password")


def test_triggers_know_what_they_listen_to() -> None:
    seed()
    topics = {one.name: one.topic.replace(str(one.pk), "<id>") for one in Trigger.objects.visible()}
    assert topics == {
        "Welcome a new contact": "contact_created",
        "VIP alert": "deal_stage_updated",
        "Follow up form leads": "form_submitted",
        "Read form messages (offline rules)": "form_submitted",
        "Good morning": "cron:<id>",
        "Orders of the shop": "webhook:<id>",
    }


def test_the_schedule_and_the_webhook_are_ready() -> None:
    seed()
    schedule = Schedule.objects.get()
    assert schedule.next_fire_at is not None
    assert (schedule.next_fire_at.hour, schedule.next_fire_at.minute) == (9, 0)
    hook = Trigger.objects.get(trigger_type="webhook")
    assert hook.config["webhook_config"]["secret"].startswith("[secret …")
    assert demo.FRESH not in hook.sealed
    sent = sending.send_test(hook, sending.sample_body(hook), peer="192.0.2.1")
    assert sent.status == 202


@pytest.mark.parametrize(
    "name, said",
    [
        ("Good morning", "Good morning! It is Monday, 2026-01-05."),
        ("Orders of the shop", "Order 17: 120."),
    ],
    ids=["schedule", "webhook"],
)
def test_they_say_something(name: str, said: str) -> None:
    seed()
    trigger = Trigger.objects.get(name=name)
    sample = sources.find(trigger.trigger_type).sample(trigger.config)
    if name == "Good morning":
        sample["schedule"] |= {"weekday_name": "Monday", "date": "2026-01-05"}
    assert templating.render(trigger.agent.steps[0]["params"]["message"], {"event": sample}) == said
