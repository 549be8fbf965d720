"""Plain sentences without a language model: each becomes the same sensible draft every time, one that can be saved."""

from __future__ import annotations

from typing import Any

import pytest

from agents.llm import offline
from crm.models import Workspace
from executions import drafting
from executions.drafting import rules
from executions.drafting.rules import QUESTION_WHAT, QUESTION_WHEN

BERLIN = {
    "stages": ["Lead", "Negotiation", "Closed Won", "Closed Lost"],
    "timezone": "Europe/Berlin",
}


def event(name: str, *rules_: tuple[str, str, Any]) -> tuple[str, dict[str, str], list[Any]]:
    return "event", {"event_type": name}, list(rules_)


def cron(expression: str) -> tuple[str, dict[str, str], list[Any]]:
    return "cron", {"cron_expression": expression, "timezone": "Europe/Berlin"}, []


WON = ("new_stage", "equals", "Closed Won")
SENTENCES: dict[str, tuple[tuple[str, dict[str, str], list[Any]], list[str]]] = {
    "when a deal above 10,000 is won, thank the contact and tell sales": (
        event("deal_stage_updated", WON, ("deal.value", "greater_than", 10000)),
        ["send_email", "notify"],
    ),
    "When a contact is created, create a task to call them tomorrow": (
        event("contact_created"),
        ["create_task"],
    ),
    "every day at 9 notify the team": (cron("0 9 * * *"), ["notify"]),
    "Every monday and friday at 8:30, notify everybody": (cron("30 8 * * MON,FRI"), ["notify"]),
    "On weekdays, each morning at 7.15 am: tell sales": (cron("15 7 * * MON-FRI"), ["notify"]),
    "every 15 minutes notify us": (cron("*/15 * * * *"), ["notify"]),
    "When a form is submitted with budget over 5k, write a note and notify everybody": (
        event("form_submitted", ("form.fields.budget", "greater_than", 5000)),
        ["create_note", "notify"],
    ),
    'create a task when a contact whose company contains "Acme" is created': (
        event("contact_created", ("contact.company", "contains", "Acme")),
        ["create_task"],
    ),
    "When a deal moves to Negotiation, wait 3 days, then remind me to follow up": (
        event("deal_stage_updated", ("new_stage", "equals", "Negotiation")),
        ["wait", "create_task"],
    ),
    "When the event order.paid comes, post it to https://hooks.example.com/x": (
        ("custom", {"endpoint": "order.paid"}, []),
        ["http_request"],
    ),
    "thank every new contact by e-mail": (event("contact_created"), ["send_email"]),
    "If a new deal of at least 2.5 million comes in, move it to Negotiation": (
        event("deal_created", ("deal.value", "greater_or_equal", 2_500_000)),
        ["update_deal"],
    ),
    "When an e-mail bounces, notify us": (event("email.bounced"), ["notify"]),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_plain_sentence_is_understood(sentence: str) -> None:
    (kind, config, conditions), actions = SENTENCES[sentence]
    found = rules.fill({"description": sentence, **BERLIN})
    trigger = found["trigger"]
    assert (trigger["trigger_type"], trigger["config"]) == (kind, config)
    seen = trigger["conditions"].get("rules", [])
    assert [(one["field"], one["operator"], one["value"]) for one in seen] == conditions
    assert [step["action"] for step in found["agent"]["steps"]] == actions
    assert found["questions"] == []
    assert found["explanation"].startswith(offline.LABEL)
    assert found == rules.fill({"description": sentence, **BERLIN})


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_is_understood_can_be_saved(sentence: str, acme: Workspace) -> None:
    drafted = drafting.draft(acme, sentence, model="offline:rules")
    assert drafted.problems == {}, drafted
    assert drafted.doubts == []
    assert drafted.calls == 1


def test_whom_to_write_to_is_asked_and_not_made_up() -> None:
    found = rules.fill({"description": "when a deal is lost, email sales", **BERLIN})
    assert found["agent"]["steps"][0]["params"]["to"].startswith("[fill in:")


def test_what_is_not_understood_is_asked(acme: Workspace) -> None:
    drafted = drafting.draft(acme, "do something nice", model="offline:rules")
    assert {QUESTION_WHEN, QUESTION_WHAT} <= set(drafted.questions)
    assert "trigger.config.event_type" in drafted.problems


@pytest.mark.parametrize(
    "text", ["@", "@contact", "when " * 500, "💥 every day at 99:99", "a\x00b", "[fill in: x]"]
)
def test_odd_descriptions_break_nothing(text: str, acme: Workspace) -> None:
    assert drafting.draft(acme, text, model="offline:rules").draft["agent"]["steps"]
