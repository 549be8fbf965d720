"""Triggers on the end of another agent: their configuration, what they hand on, and circles."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import Agent
from crm.models import Workspace
from tests.stories import MakeAgent
from triggers import blueprint, sources
from triggers.models import Trigger

SOURCE = sources.find("agent_completed")
OUTPUTS = {"steps": {"1": {"note_id": "n1", "tags": ["a", "b"]}}, "summary": "fine"}
pytestmark = pytest.mark.django_db


def on_end_of(first: Agent, then: Agent, **fields: Any) -> Trigger:
    trigger = Trigger(workspace=then.workspace)
    given = {
        "name": f"{then.name} after {first.name}",
        "agent_id": str(then.pk),
        "trigger_type": "agent_completed",
        "config": {"source_agent_id": str(first.pk)},
        **fields,
    }
    blueprint.store(trigger, given)
    return trigger


def problems_of(first: Agent, then: Agent, **fields: Any) -> dict[str, list[str]]:
    with pytest.raises(blueprint.InvalidTrigger) as caught:
        on_end_of(first, then, **fields)
    return dict(caught.value.problems)


@pytest.mark.parametrize(
    ("status", "heard"), [("success", "success"), ("failed", "failed"), ("any", "*")]
)
def test_the_topic_says_which_ends_are_heard(
    make_agent: MakeAgent, status: str, heard: str
) -> None:
    first, then = make_agent("First"), make_agent("Then")
    config = {"source_agent_id": str(first.pk), "status": status}
    assert on_end_of(first, then, config=config).topic == f"completed:{first.pk}:{heard}"


def test_the_other_names_are_understood(make_agent: MakeAgent) -> None:
    first, then = make_agent("First"), make_agent("Then")
    config = {"source_pipeline_id": str(first.pk).upper()}
    trigger = on_end_of(first, then, trigger_type="pipeline_completed", config=config)
    assert trigger.trigger_type == "agent_completed"
    assert trigger.config == {
        "status": "success",
        "pass_outputs": True,
        "source_agent_id": str(first.pk),
    }


def test_an_agent_of_another_workspace_is_not_found(
    make_agent: MakeAgent, other: Workspace
) -> None:
    theirs = make_agent("Theirs", workspace=other)
    found = problems_of(theirs, make_agent("Then"))
    assert found == {
        "config.source_agent_id": [f"Agent with ID {theirs.pk} not found or not accessible"]
    }


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, "config.source_agent_id"),
        ({"source_agent_id": "no id"}, "config.source_agent_id"),
        ({"source_agent_id": 7}, "config.source_agent_id"),
        ({"source_agent_id": "first", "status": "maybe"}, "config.status"),
        (
            {"source_agent_id": "first", "output_mapping": {"a..b": "x"}},
            "config.output_mapping.a..b",
        ),
        ({"source_agent_id": "first", "output_mapping": {"a": 5}}, "config.output_mapping.a"),
    ],
)
def test_what_is_wrong_is_told_at_its_path(
    make_agent: MakeAgent, config: dict[str, Any], path: str
) -> None:
    first = make_agent("First")
    if config.get("source_agent_id") == "first":
        config = config | {"source_agent_id": str(first.pk)}
    assert path in problems_of(first, make_agent("Then"), config=config)


def test_outputs_become_inputs() -> None:
    facts = {"outputs": OUTPUTS}
    assert SOURCE.inputs({"pass_outputs": True}, facts) == OUTPUTS
    assert SOURCE.inputs({"pass_outputs": False}, facts) == {}
    mapping = {"steps.1.tags.0": "tag", "summary": "text", "nothing": "never"}
    only = {"pass_outputs": False, "output_mapping": mapping}
    assert SOURCE.inputs(only, facts) == {"tag": "a", "text": "fine"}
    both = {"pass_outputs": True, "output_mapping": mapping}
    assert SOURCE.inputs(both, facts) == {"steps": OUTPUTS["steps"], "tag": "a", "text": "fine"}
    assert SOURCE.inputs(both, {"outputs": None}) == {}


def test_a_circle_is_refused_with_its_way(make_agent: MakeAgent) -> None:
    a, b, c = make_agent("A"), make_agent("B"), make_agent("C")
    on_end_of(a, b)
    on_end_of(b, c)
    (told,) = problems_of(c, a)["config.source_agent_id"]
    assert "C → A → B → C" in told
    (told,) = problems_of(a, a)["config.source_agent_id"]
    assert "A → A" in told


def test_a_change_that_closes_a_circle_is_refused(make_agent: MakeAgent) -> None:
    a, b, c = make_agent("A"), make_agent("B"), make_agent("C")
    on_end_of(a, b)
    back = on_end_of(c, a)
    with pytest.raises(blueprint.InvalidTrigger):
        blueprint.store(back, {"config": {"source_agent_id": str(b.pk)}})
    allowed = on_end_of(b, a, allow_reentry=True, name="again")
    with pytest.raises(blueprint.InvalidTrigger) as caught:
        blueprint.store(allowed, {"allow_reentry": False})
    assert "B → A → B" in str(caught.value.problems)
    blueprint.store(allowed, {"description": "a change that has nothing to do with it"})


def test_a_circle_that_somebody_allowed_is_no_reason_to_refuse(make_agent: MakeAgent) -> None:
    a, b = make_agent("A"), make_agent("B")
    on_end_of(b, a, allow_reentry=True)
    on_end_of(a, b)
    assert Trigger.objects.filter(trigger_type="agent_completed").count() == 2


def test_an_event_trigger_is_told_to_use_the_type(make_agent: MakeAgent) -> None:
    source = sources.find("event")
    found = source.check({"event_type": "agent_completed"}, workspace=make_agent("A").workspace)
    assert "agent_completed" in found["event_type"][0]


def test_the_type_goes_by_its_other_name_in_lists(make_agent: MakeAgent, api: Any) -> None:
    first, then = make_agent("First"), make_agent("Then")
    made = on_end_of(first, then)
    for path in ("?trigger_type=pipeline_completed", "/type/pipeline_completed"):
        found = api.get(f"/api/v1/triggers{path}").json()["results"]
        assert [one["id"] for one in found] == [str(made.pk)]
