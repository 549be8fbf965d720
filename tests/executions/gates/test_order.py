"""The order in which gates are asked: fixed, the README's, and open to gates of an installation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.lib.registry import DuplicateName
from config.up.place import REPOSITORY
from crm.models import Workspace
from executions import gates
from executions.gates import Asked, Candidate, Key, Refusal, Room
from executions.models import AgentGate, Execution, Status
from executions.models.reason import labels, own_reasons
from executions.pages import words
from tests.stories import MakeAgent, MakeTrigger
from triggers import events

README = re.compile(r"The gates are asked in this order: (.+?); then.+?starts:\s(.+?)\.", re.DOTALL)
Run = Callable[[], None]


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone afterwards."""
    for registry in (gates.dispatching, gates.claiming, own_reasons):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        monkeypatch.setattr(registry, "_places", dict(registry._places))
    before = gates._dispatch_gates, gates._claim_gates
    yield
    gates._dispatch_gates, gates._claim_gates = before


def test_the_order_is_that_of_the_readme() -> None:
    said = README.search((REPOSITORY / "README.md").read_text())
    assert said
    asked_first = [name.replace("_", " ") for name in gates.order(gates.dispatching)]
    assert said[1].split(", ") == asked_first
    assert gates.order(gates.claiming) == [
        "daily_limit", "unsigned_share", "minute_window", "hourly_window", "concurrency", "budget",
    ]  # fmt: skip
    told = " ".join(said[2].split()).split(", ")
    assert told[:2] == ["workspace paused", "too old"]
    assert told[2].startswith("daily limit and the share")
    assert told[3:] == ["per-minute and hourly window", "concurrency", "budget of models"]


def test_they_are_put_in_order_once() -> None:
    assert gates.dispatch_gates() is gates.dispatch_gates()
    assert gates.claim_gates() is gates.claim_gates()


@pytest.mark.usefixtures("as_it_was")
def test_a_new_one_stands_where_it_says() -> None:
    def nothing(candidate: Candidate) -> Refusal | None:
        return None

    gates.dispatch("office_hours", place=55)(nothing)
    gates.dispatch("afterwards", place=60)(nothing)  # a shared place goes by name
    assert gates.order(gates.dispatching)[-4:] == [
        "cooldown", "office_hours", "afterwards", "overlap",
    ]  # fmt: skip
    assert gates.dispatch_gates()[5] is nothing
    with pytest.raises(DuplicateName):
        gates.dispatch("cooldown", place=1)(nothing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("as_it_was")
def test_its_own_reason_is_in_the_ledger(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    name = gates.reason("closed", label="Office closed", sentence="The office was closed.")

    @gates.dispatch("office_hours", place=55)
    def refuse(candidate: Candidate) -> Refusal | None:
        return Refusal(name, "it opens at nine")

    make_trigger(make_agent("A"), "sale")
    events.emit("sale", workspace_id=acme.pk, payload={})
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.reason) == (Status.SKIPPED, "closed")
    assert words.in_short(run) == "The office was closed. It opens at nine."
    assert labels()["closed"] == "Office closed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("as_it_was")
def test_a_claim_gate_lets_wait_or_skips(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger, run_everything_due: Run
) -> None:
    agent = make_agent("A")
    rooms: dict[str, Any] = {"reason": None}

    @gates.claim("quota", place=145, says=lambda room: "The quota is used up.")
    def free(asked: Asked) -> dict[Key, Room]:
        return {("agent", gate.agent_id): Room(0, **rooms) for gate in asked.gates}

    make_trigger(agent, "sale")
    events.emit("sale", workspace_id=acme.pk, payload={})
    run_everything_due()
    assert Execution.objects.get().status == Status.QUEUED
    rooms["reason"] = gates.reason("quota_gone", label="Quota", sentence="Nothing was left.")
    AgentGate.objects.look_again([agent.pk], now=Execution.objects.get().created_at)
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.reason) == (Status.SKIPPED, "quota_gone")


def test_a_reason_needs_a_name_of_its_own() -> None:
    with pytest.raises(DuplicateName):
        gates.reason("cooldown", label="x", sentence="x")
    with pytest.raises(ValueError, match="name of a reason"):
        gates.reason("x" * 31, label="x", sentence="x")


def test_a_reason_whose_gate_is_gone_is_shown_by_its_name() -> None:
    run = Execution(status=Status.SKIPPED, reason="closed", error_message="it opens at nine")
    assert words.in_short(run) == "It was skipped. It opens at nine."
