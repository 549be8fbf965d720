"""What every view of a workspace's rows does: stale writes refused, each change audited once, foreign rows unknown."""

from __future__ import annotations

from typing import Any

from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from crm.models import Contact, Opportunity, Workspace
from executions.models import AuditEntry

CONTACTS = "/api/v1/contacts"


def test_a_stale_write_is_refused(api: APIClient) -> None:
    created = api.post(CONTACTS, {"first_name": "Ann", "custom": {"b": 1, "a": [2.0]}})
    path, etag = f"{CONTACTS}/{created.json()['id']}", created["ETag"]
    assert api.get(path)["ETag"] == etag
    first = api.patch(path, {"title": "VIP"}, headers={"If-Match": etag})
    assert first.status_code == 200
    stale = api.patch(path, {"title": "CEO"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["error_code"]) == (412, "stale")
    assert api.delete(path, headers={"If-Match": etag}).status_code == 412
    assert api.get(path).json()["title"] == "VIP"
    assert (
        api.patch(path, {"title": "CEO"}, headers={"If-Match": f'"x", {first["ETag"]}'}).status_code
        == 200
    )
    assert api.delete(path, headers={"If-Match": "*"}).status_code == 204


def test_each_change_is_one_audit_row(api: APIClient, acme: Workspace) -> None:
    path = f"{CONTACTS}/{api.post(CONTACTS, {'first_name': 'Ann', 'title': 'CTO'}).json()['id']}"
    api.patch(path, {"title": "CEO"})
    api.patch(path, {"email": "nonsense"})
    api.delete(path)
    trail: list[Any] = list(
        AuditEntry.objects.order_by("id").values_list("verb", "before", "after")
    )
    assert [verb for verb, _, _ in trail] == ["create", "update", "delete"]
    assert (trail[1][1]["title"], trail[1][2]["title"]) == ("CTO", "CEO")
    assert "first_name" not in trail[1][1]
    assert trail[2][1]["title"] == "CEO"
    assert trail[2][2] is None
    assert set(AuditEntry.objects.values_list("workspace_id", flat=True)) == {acme.pk}


def test_a_foreign_row_does_not_exist(api: APIClient, acme: Workspace, other: Workspace) -> None:
    foreign = Contact.objects.create(workspace=other, first_name="Eve")
    missing = api.get(f"{CONTACTS}/0190b6a0-0000-7000-8000-000000000000")
    for answer in (
        api.get(f"{CONTACTS}/{foreign.pk}"),
        api.patch(f"{CONTACTS}/{foreign.pk}", {"first_name": "Mine"}),
        api.delete(f"{CONTACTS}/{foreign.pk}"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error_message"] == missing.json()["error_message"]
    refused = api.post("/api/v1/opportunities", {"name": "Deal", "contact_id": str(foreign.pk)})
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["contact_id"])
    owner = other.memberships.create(user_id=_user_of(other)).user_id
    refused = api.post(CONTACTS, {"first_name": "Ann", "owner": owner})
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["owner"])
    assert api.get(CONTACTS).json()["total_count"] == 0


def _user_of(workspace: Workspace) -> int:
    from django.contrib.auth.models import User

    return User.objects.create_user(f"of-{workspace.slug}").pk


def test_a_longer_list_costs_no_more_queries(
    api: APIClient, acme: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    contact = Contact.objects.create(workspace=acme, first_name="Ann")
    for number in range(5):
        Opportunity.objects.create(workspace=acme, name=f"Deal {number}", contact=contact)
    api.get("/api/v1/opportunities")  # marks the token as used
    with django_assert_num_queries(4):  # token, membership, count, rows
        assert len(api.get("/api/v1/opportunities").json()["results"]) == 5


def test_a_field_that_nobody_reads_is_refused_by_name(api: APIClient) -> None:
    misspelt = api.post(CONTACTS, {"first_name": "Ann", "emial": "ann@example.org"})
    assert (misspelt.status_code, misspelt.json()["details"]) == (
        400,
        {"emial": ["Unknown field. Did you mean 'email'?"]},
    )
    path = f"{CONTACTS}/{api.post(CONTACTS, {'first_name': 'Ann'}).json()['id']}"
    (told,) = api.patch(path, {"zzz": 1}).json()["details"]["zzz"]
    assert told.startswith("Unknown field.")
    assert api.patch(path, {"x" * 5000: 1}).status_code == 400
    read = api.get(path).json()
    assert (
        api.put(path, {**read, "title": "CEO"}).status_code == 200
    )  # what was read may be sent back
    assert Contact.objects.get().title == "CEO"


def test_a_parameter_that_a_list_does_not_have_is_refused_by_name(api: APIClient) -> None:
    api.post(CONTACTS, {"first_name": "Ann"})
    refused = api.get(f"{CONTACTS}?emial=ann@example.org")
    assert (refused.status_code, refused.json()["details"]) == (
        400,
        {"emial": ["Unknown parameter. Did you mean 'email'?"]},
    )
    assert api.get(f"{CONTACTS}/export?emial=x").status_code == 400
    assert api.get("/api/v1/form-submissions?search=x").status_code == 400  # it has no search
    assert api.get(f"{CONTACTS}?_=1700000000").json()["total_count"] == 1


def test_a_contact_keeps_something_to_call_it_by(api: APIClient) -> None:
    path = f"{CONTACTS}/{api.post(CONTACTS, {'first_name': 'Ann', 'phone': '1'}).json()['id']}"
    assert api.patch(path, {"first_name": ""}).status_code == 200
    assert api.patch(path, {"phone": ""}).status_code == 400
    assert api.patch(path, {"phone": "", "email": "ann@example.org"}).status_code == 200
