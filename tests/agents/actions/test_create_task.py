"""Putting a task on somebody's list."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from agents.actions import ActionFailed
from crm.models import Contact, Task, Workspace
from tests.agents.scenes import perform, problems, scene
from tests.conftest import MakeMember


def test_is_for_the_contacts_owner_and_due_in_days(acme: Workspace, member: MakeMember) -> None:
    bob = member("bob")
    ann = Contact.objects.create(workspace=acme, first_name="Ann", owner=bob)
    before = dt.datetime.now(dt.UTC)
    output = perform(
        "create_task", scene(acme, contact={"id": str(ann.pk)}), title="Call Ann", due_in_days="2"
    )
    task = Task.objects.get()
    assert (task.workspace, task.title, task.contact, task.owner) == (acme, "Call Ann", ann, bob)
    assert task.due_at
    assert abs(task.due_at - before - dt.timedelta(days=2)) < dt.timedelta(minutes=1)
    assert output["task_id"] == str(task.pk)


def test_may_be_about_nobody_and_for_a_member(acme: Workspace, member: MakeMember) -> None:
    bob = member("bob")
    perform("create_task", scene(acme), title="Sweep", owner="bob", due_at="2026-11-03")
    task = Task.objects.get()
    assert (task.contact, task.owner) == (None, bob)
    assert task.due_at == dt.datetime(2026, 11, 3, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"title": ""}, "title is empty"),
        ({"title": "x" * 301}, "at most 300"),
        ({"due_in_days": "soon"}, "due_in_days is a number"),
        ({"due_in_days": -1}, "from 0 to 3650"),
        ({"due_in_days": float("nan")}, "from 0 to 3650"),
        ({"due_at": "tomorrow"}, "due_at is a date"),
        ({"due_at": "2026-02-30"}, "due_at is a date"),
        ({"due_at": "2026-11-03", "due_in_days": 1}, "not both"),
        ({"owner": "nobody"}, "nobody in this workspace"),
    ],
)
def test_what_does_not_fit_fails_in_words(
    acme: Workspace, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActionFailed, match=message):
        perform("create_task", scene(acme), **{"title": "Call", **params})
    assert not Task.objects.exists()


def test_two_dates_are_refused_on_save(acme: Workspace) -> None:
    assert "due_at" in problems("create_task", acme, title="x", due_at="2026-11-03", due_in_days=1)
    assert not problems("create_task", acme, title="x", due_in_days=0)
