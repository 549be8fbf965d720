"""The workspace's own form: how long history is kept, without anybody writing JSON."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from crm.models import Workspace
from executions.models import AuditEntry
from tests.executions.admin.pages import drawn_values, url


def save(ann: Client, acme: Workspace, **changes: object) -> str:
    page = url(Workspace, "change", acme.pk)
    sent = drawn_values(ann.get(page).text) | changes
    return ann.post(page, sent, follow=True).text


def test_days_are_set_by_name(ann: Client, acme: Workspace) -> None:
    save(ann, acme, retention=json.dumps({"payloads": 3, "failed": 90, "skipped": ""}))
    acme.refresh_from_db()
    assert acme.retention == {"payloads": 3, "failed": 90}
    entry = AuditEntry.objects.get(target_type="workspace")
    assert entry.after == {"retention": {"payloads": 3, "failed": 90}}


@pytest.mark.parametrize("days", [0, -1, 4000, 1.5, "many", True])
def test_days_that_do_not_fit_are_told(ann: Client, acme: Workspace, days: object) -> None:
    shown = save(ann, acme, retention=json.dumps({"payloads": days}))
    assert "Give whole days, 1 to 3650." in shown
    acme.refresh_from_db()
    assert acme.retention == {}


def test_budgets_of_a_day_are_numbers_or_nothing(ann: Client, acme: Workspace) -> None:
    save(ann, acme, budgets=json.dumps({"max_tokens_per_day": 5000, "max_cost_per_day": None}))
    acme.refresh_from_db()
    assert acme.budgets == {"max_tokens_per_day": 5000}
    shown = save(ann, acme, budgets=json.dumps({"max_cost_per_day": -1}))
    assert "Give dollars, more than 0" in shown
    acme.refresh_from_db()
    assert acme.budgets == {"max_tokens_per_day": 5000}
