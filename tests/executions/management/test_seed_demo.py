"""The demo: made once, quiet until somebody does something."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from agents.models import Agent
from crm.models import Contact, Form, Opportunity
from triggers.models import Event, Trigger

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
    assert Agent.objects.count() == Trigger.objects.visible().count() == 4
    assert Agent.objects.get(name="VIP alert").description == "mine"
    assert (Contact.objects.count(), Opportunity.objects.count()) == (4, 4)
    assert Event.objects.count() == 0
    assert User.objects.get(username="admin").check_password("a-long-demo-password")


def test_triggers_know_what_they_listen_to() -> None:
    seed()
    topics = dict(Trigger.objects.visible().values_list("name", "topic"))
    assert topics == {
        "Welcome a new contact": "contact_created",
        "VIP alert": "deal_stage_updated",
        "Follow up form leads": "form_submitted",
        "Read form messages (offline rules)": "form_submitted",
    }
