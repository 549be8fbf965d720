"""Two people have the same page open: the second one to save is told, and loses nothing of what was typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import models
from django.test import Client

from agents.models import Agent
from crm.models import Contact, Form, Note, Opportunity, Task, Workspace
from executions.models import AuditEntry
from tests.executions.admin.conftest import Things
from tests.executions.admin.pages import drawn_values, url
from triggers.models import Trigger

EDITED: list[tuple[type[models.Model], str, Any, dict[str, str], str]] = [
    (Contact, "phone", "555", {"title": "CEO"}, "Phone"),
    (Contact, "custom", {"tier": "gold"}, {"title": "CEO"}, "Custom fields"),
    (Opportunity, "value", 90_000, {"name": "Mine"}, "Value"),
    (Form, "fields", [{"name": "a", "label": "A", "type": "text"}], {"name": "Mine"}, "Fields"),
    (Agent, "steps", [{"action": "notify", "params": {"message": "Hi"}}], {"name": "Mine"}, "Steps"),
    (Trigger, "conditions", {}, {"name": "Mine"}, "Conditions"),
    (Trigger, "status", "paused", {"name": "Mine"}, "Enabled"),
    (Workspace, "timezone", "Asia/Tokyo", {"name": "Mine"}, "Timezone"),
    (Note, "text", "Theirs", {"text": "Mine"}, "Text"),
    (Task, "title", "Theirs", {"title": "Mine"}, "Title"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "column", "theirs", "mine", "label"),
    EDITED,
    ids=[f"{one[0].__name__}-{one[1]}" for one in EDITED],
)
def test_a_stale_page_is_refused_once(
    model: type[models.Model],
    column: str,
    theirs: Any,
    mine: dict[str, str],
    label: str,
    ann: Client,
    things: Things,
) -> None:
    pk = things[model].pk
    address = url(model, "change", pk)
    sent = drawn_values(ann.get(address).text) | mine
    model._default_manager.filter(pk=pk).update(**{column: theirs})
    trail = AuditEntry.objects.count()
    refused = ann.post(address, sent)
    assert refused.status_code == 200
    assert f"while you had the page open: {label}." in refused.text
    assert model._default_manager.filter(pk=pk).values_list(column, flat=True).get() == theirs
    assert AuditEntry.objects.count() == trail
    again = drawn_values(refused.text)
    assert mine.items() <= again.items(), "what was typed still stands there"
    assert ann.post(address, again).status_code == 302
    stored = model._default_manager.filter(pk=pk).values(*mine).get()
    assert {name: str(value) for name, value in stored.items()} == mine


def test_a_column_that_is_not_on_the_page_disturbs_nobody(ann: Client, things: Things) -> None:
    """Submissions are counted on the form's row while its page is open."""
    pk = things[Form].pk
    sent = drawn_values(ann.get(url(Form, "change", pk)).text)
    Form.objects.filter(pk=pk).update(submissions_count=7)
    assert ann.post(url(Form, "change", pk), sent | {"name": "Mine"}).status_code == 302
    stored = Form.objects.get(pk=pk)
    assert (stored.name, stored.submissions_count) == ("Mine", 7)


@pytest.mark.parametrize("junk", ["", "x", "[]", "\x00", json.dumps({"title": 5})])
def test_a_page_that_says_nothing_sensible(junk: str, ann: Client, things: Things) -> None:
    pk = things[Contact].pk
    sent = drawn_values(ann.get(url(Contact, "change", pk)).text)
    answer = ann.post(url(Contact, "change", pk), sent | {"_seen": junk})
    assert answer.status_code == (200 if "title" in junk else 302)
