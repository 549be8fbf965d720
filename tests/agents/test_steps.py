"""What is said about steps when an agent is saved."""

from __future__ import annotations

from typing import Any

import pytest

from agents import actions, steps
from crm.models import Workspace
from triggers.sources.crm import types

ACME = Workspace(name="Acme", slug="acme")


def wrong(*given: Any) -> dict[str, list[str]]:
    return steps.check(list(given), workspace=ACME)


def step(action: str, **params: Any) -> dict[str, Any]:
    return {"action": action, "params": params}


GOOD = [
    step(
        "notify",
        message="@@home: @contact.first_name, ann@example.org, @nobody and @deal.custom.tier",
    ),
    step("create_note", text="@event.anything @form.fields.company @inputs.x"),
    step("create_task", title="Call", due_in_days="@inputs.days"),
    step("create_task", title="Call", due_in_days=2, owner="@contact.owner"),
    step("update_contact", contact_id="@event.contact_id", custom="@event.data"),
    step("update_deal", stage="@inputs.stage", value="@inputs.value"),
    step(
        "http_request",
        url="https://example.org/@contact.id",
        method="POST",
        json={"a": ["@deal.value"]},
    ),
    step("send_email", to="@contact.email", subject="Hi @contact.first_name", body="x"),
    step("wait", days=1),
    step("emit_event", name="lead_qualified", data={"id": "@contact.id"}),
    {"action": "notify", "params": {"message": "@steps.1.output.message"}, "on_error": "continue"},
]


def test_good_steps() -> None:
    assert wrong(*GOOD) == {}


BAD: list[tuple[str, Any, str, str]] = [
    ("no object", "notify", "steps[0]", "Give an object"),
    ("no action", {}, "steps[0].action", "Say which"),
    ("misspelt action", step("create_not"), "steps[0].action", "Did you mean 'create_note'"),
    ("no model", step("ask_model", prompt="x", model="gpt"), "steps[0].params.model", "provider:model"),
    ("action of another type", {"action": {"a": 1}}, "steps[0].action", "There is no action"),
    ("unknown field", {"action": "wait", "params": {"days": 1}, "parms": {}}, "steps[0].parms", "mean 'params'"),
    ("params no object", {"action": "wait", "params": []}, "steps[0].params", "Give an object"),
    ("on_error", {"action": "wait", "params": {"days": 1}, "on_error": "stop"}, "steps[0].on_error", "fail or"),
    ("missing param", step("create_note"), "steps[0].params.text", "required"),
    ("unknown param", step("create_note", text="x", tekst="y"), "steps[0].params.tekst", "Did you mean 'text'"),
    ("empty text", step("create_note", text=""), "steps[0].params.text", "must not be empty"),
    ("wrong type", step("create_task", title="x", due_in_days="soon"), "steps[0].params.due_in_days", "number"),
    ("too small", step("create_task", title="x", due_in_days=-1), "steps[0].params.due_in_days", "at least 0"),
    ("no moment", step("create_task", title="x", due_at="soon"), "steps[0].params.due_at", "not a valid date-time"),
    ("no id", step("update_contact", title="x", contact_id="x"), "steps[0].params.contact_id", "not a valid uuid"),
    ("no choice", step("notify", message="x", level="loud"), "steps[0].params.level", "info, success"),
    ("nested", step("http_request", url="https://e.org/", headers={"X": 1}), "steps[0].params.headers.X", "string"),
    ("own check", step("http_request", url="http://10.0.0.1/"), "steps[0].params.url", "not a public address"),
    ("own check, stage", step("update_deal", stage="Nowhere"), "steps[0].params.stage", "no stage"),
    ("own check, whole", step("wait"), "steps[0].params", "Say how long"),
    ("variable", step("notify", message="Hi @contact.emial"), "steps[0].params.message", "Did you mean @contact.email"),
    ("deal variable", step("notify", message="@deal.amount"), "steps[0].params.message", "no variable @deal.amount"),
    ("form variable", step("notify", message="@form.company"), "steps[0].params.message", "no variable @form.company"),
    ("inner variable", step("emit_event", name="x", data={"a": ["@deal.x"]}), "steps[0].params.data.a[0]", "@deal.x"),
    ("later step", step("notify", message="@steps.1.output"), "steps[0].params.message", "only the steps before"),
]  # fmt: skip


@pytest.mark.parametrize(
    "given, path, message", [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_steps(given: Any, path: str, message: str) -> None:
    found = wrong(given)
    assert list(found) == [path]
    assert message in " ".join(found[path])


def test_the_second_step_sees_the_first_one_only() -> None:
    found = wrong(
        step("notify", message="x"), step("notify", message="@steps.1.output @steps.2.output")
    )
    assert list(found) == ["steps[1].params.message"]


@pytest.mark.parametrize("given", [None, {}, "notify", 5])
def test_no_list(given: Any) -> None:
    assert steps.check(given, workspace=ACME) == {"steps": ["Give a list of steps."]}


def test_too_many_and_too_large() -> None:
    assert "at most 25" in wrong(*[step("wait", days=1)] * 26)["steps"][0]
    assert "256 KiB" in wrong(*[step("create_note", text="x" * 19_000)] * 20)["steps"][0]
    assert wrong(*[step("wait", days=1)] * 25) == {}


def test_written_out() -> None:
    assert steps.written_out([{"action": "wait", "params": None}]) == [
        {"action": "wait", "params": {}, "on_error": "fail"}
    ]


def test_the_known_variables_are_what_events_hold() -> None:
    for root, schema in (("contact", types.CONTACT), ("deal", types.DEAL), ("form", types.FORM)):
        assert set(steps.KNOWN[root]) == set(schema["properties"])


@pytest.mark.parametrize("name", list(actions.registry))
def test_each_schema_is_enough_for_a_form(name: str) -> None:
    action = actions.registry.get(name)
    assert action.label
    assert action.description
    assert action.schema["additionalProperties"] is False
    for param in action.schema["properties"].values():
        assert param["title"]
        assert "type" in param or param["x-widget"] == "json"
