"""Emitting events of one's own from a run."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from agents.actions import ActionFailed
from crm.models import Workspace
from tests.agents.scenes import perform, problems, scene
from triggers import events
from triggers.models import Event


def test_emits_a_custom_event_one_level_deeper(acme: Workspace) -> None:
    run = uuid.uuid4()
    cause = events.Cause(
        execution_id=run,
        root_id=uuid.uuid4(),
        depth=1,
        chain=("t1",),
        correlation_id="c",
        actor="agent:x",
    )
    with events.caused_by(cause):
        output = perform("emit_event", scene(acme), name="lead_qualified", data={"score": 90})
    event = Event.objects.get(pk=output["event_id"])
    assert (event.type, event.topic, event.source, event.workspace_id) == (
        "lead_qualified", "lead_qualified", "custom", acme.pk,
    )  # fmt: skip
    assert event.payload == {"endpoint": "lead_qualified", "data": {"score": 90}}
    assert (event.depth, event.parent_execution_id, event.chain) == (2, run, ["t1"])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"name": ""}, "name is empty"),
        ({"name": "contact_created"}, "emitted by Triggerfish itself"),
        ({"name": "Not A Name"}, "endpoint"),
        ({"name": "lead_qualified", "data": "text"}, "data is an object"),
    ],
)
def test_what_cannot_be_emitted_fails_in_words(
    acme: Workspace, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActionFailed, match=message):
        perform("emit_event", scene(acme), **params)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "name, wrong",
    [
        ("lead_qualified", False),
        ("contact_created", True),
        ("Not A Name", True),
        ("@inputs.kind", False),
    ],
)
def test_checked_on_save(acme: Workspace, name: str, wrong: bool) -> None:
    assert ("name" in problems("emit_event", acme, name=name)) is wrong
