"""Finding runs, reading why they ran, cancelling and replaying them."""

from __future__ import annotations

import pytest
from django.test import Client

from executions.models import AuditEntry, Execution, Status
from tests.executions.pages.conftest import World, make_event, make_execution
from triggers.models import Event


def test_runs_are_found_by_status_agent_and_contact(world: World, visitor: Client) -> None:
    skipped = make_execution(
        make_event(world.workspace), world.trigger, status=Status.SKIPPED, reason="cooldown"
    )

    def found(**query: str) -> set[str]:
        return {str(row.pk) for row in visitor.get("/executions/", query).context["executions"]}

    assert found(status="skipped") == {str(skipped.pk)}
    assert found(agent=str(world.agent.pk)) == {str(skipped.pk), str(world.execution.pk)}
    assert found(q="ada") == {str(world.execution.pk)}
    assert found(q="Deal of") == set()
    assert found(before=str(skipped.pk)) == {str(world.execution.pk)}


def test_a_run_says_why_it_ran_and_what_it_did(world: World, visitor: Client) -> None:
    page = visitor.get(f"/executions/{world.execution.pk}/").content.decode()
    for words in (
        "Why did it run?",
        "Any of these",
        "Not this",
        "contact.company",
        "What did it do?",
        "Notify",
    ):
        assert words in page


def test_causes_and_effects_are_linked(world: World, visitor: Client) -> None:
    child_event = make_event(world.workspace)
    child_event.root_id, child_event.parent_execution_id = world.event.pk, world.execution.pk
    child_event.save()
    child = make_execution(child_event, world.trigger)
    assert str(child.pk) in visitor.get(f"/executions/{world.execution.pk}/").content.decode()
    assert str(world.execution.pk) in visitor.get(f"/executions/{child.pk}/").content.decode()


@pytest.mark.parametrize(
    ("status", "left"), [(Status.QUEUED, Status.CANCELLED), (Status.COMPLETED, Status.COMPLETED)]
)
def test_cancelling(status: Status, left: Status, world: World, visitor: Client) -> None:
    execution = make_execution(make_event(world.workspace), world.trigger, status=status)
    answer = visitor.post(f"/executions/{execution.pk}/cancel/", follow=True)
    assert answer.status_code == 200
    execution.refresh_from_db()
    assert execution.status == left
    assert AuditEntry.objects.filter(verb="cancel").count() == (status == Status.QUEUED)


def test_replaying_shows_the_new_run(world: World, visitor: Client) -> None:
    answer = visitor.post(f"/executions/{world.execution.pk}/replay/")
    again = Execution.objects.get(replay_no=1)
    assert answer["Location"] == f"/executions/{again.pk}/"
    assert AuditEntry.objects.filter(verb="replay").count() == 1


def test_what_cannot_be_replayed_says_so(world: World, visitor: Client) -> None:
    execution = make_execution(make_event(world.workspace), world.trigger, status=Status.RUNNING)
    answer = visitor.post(f"/executions/{execution.pk}/replay/", follow=True)
    assert b"This cannot be replayed" in answer.content


def test_contents_that_are_gone_are_not_shown_as_empty(visitor: Client, world: World) -> None:
    Event.objects.update(payload={}, bodies_kept_days=7)
    Execution.objects.update(inputs={}, output=None, bodies_kept_days=7)
    page = visitor.get(f"/executions/{world.execution.pk}/").text
    assert "deleted after 7 days. It cannot be replayed" in page
    assert "/replay/" not in page
    assert "Deleted after 7 days." in visitor.get(f"/events/{world.event.pk}/").text
