"""Every management action is one row."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import RequestFactory
from rest_framework.test import APIClient

from config.lib import audit
from crm.models import ApiToken, Contact, Workspace
from executions.models import AuditEntry


def request(user: Any, **headers: Any) -> Any:
    made: Any = RequestFactory().post("/", **headers)
    made.user, made.request_id = user, "r-1"
    return made


def test_who_what_before_and_after(acme: Workspace, owner: Any) -> None:
    contact = Contact.objects.create(workspace=acme, first_name="Bo", email="bo@example.org")
    audit.record(
        request(owner), "update", contact, before={"a": 1, "b": 2}, after={"a": 1, "b": 3, "c": 4}
    )
    entry = AuditEntry.objects.get()
    assert (entry.workspace, entry.user, entry.actor, entry.verb) == (acme, owner, "ann", "update")
    assert (entry.target_type, entry.target_id, entry.target_name) == (
        "contact",
        str(contact.pk),
        "Bo",
    )
    assert (entry.before, entry.after) == ({"b": 2}, {"b": 3, "c": 4})
    assert (entry.remote_addr, entry.request_id) == ("127.0.0.1", "r-1")


def test_a_token_is_named(acme: Workspace, owner: Any, api: APIClient) -> None:
    made: Any = request(owner)
    made.auth = ApiToken.objects.get()
    audit.record(made, "create", acme, after={})
    assert AuditEntry.objects.get().actor == f"ann, token {made.auth}"
    assert AuditEntry.objects.get().workspace == acme


def test_nobody_is_the_system(acme: Workspace) -> None:
    audit.record(None, "create", acme, after={"name": "Acme"})
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.user, entry.remote_addr) == ("system", None, None)


def test_secrets_and_what_cannot_be_stored_stay_out(acme: Workspace, owner: Any) -> None:
    audit.record(request(owner), "update", acme, after={"password": "x", "note": "a\x00b"})
    assert AuditEntry.objects.get().after == {"password": "[redacted]", "note": "a\ufffdb"}


@pytest.mark.parametrize(
    "proxies, forwarded, address",
    [(0, "9.9.9.9", "127.0.0.1"), (1, "9.9.9.9, 8.8.8.8", "8.8.8.8"), (1, "nonsense", None)],
)
def test_the_address_is_the_real_peers(
    acme: Workspace, owner: Any, settings: Any, proxies: int, forwarded: str, address: str | None
) -> None:
    settings.NUM_PROXIES = proxies
    audit.record(request(owner, headers={"X-Forwarded-For": forwarded}), "update", acme)
    assert AuditEntry.objects.get().remote_addr == address


def test_nobody_can_change_it(acme: Workspace) -> None:
    audit.record(None, "create", acme)
    for change in (
        lambda: AuditEntry.objects.update(verb="x"),
        lambda: AuditEntry.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert AuditEntry.objects.count() == 1
