"""Contacts, deals, notes, tasks and forms over REST."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.models import Contact, FormSubmission, Opportunity, Workspace

ROUTES: dict[str, dict[str, Any]] = {
    "contacts": {"first_name": "Ann", "email": "ann@example.org", "custom": {"tier": "gold"}},
    "opportunities": {
        "name": "Deal",
        "value": 15000.5,
        "currency": "eur",
        "close_date": "2026-12-31",
    },
    "tasks": {"title": "Call", "due_at": "2026-12-01T09:00:00+01:00"},
    "forms": {"name": "Contact us"},
}


FIFTY_ONE = [{"name": f"f{number}", "label": "A", "type": "text"} for number in range(51)]


@pytest.mark.parametrize("route, body", ROUTES.items())
def test_a_row_lives_and_dies(api: APIClient, route: str, body: dict[str, Any]) -> None:
    created = api.post(f"/api/v1/{route}", body)
    assert created.status_code == 201, created.content
    path = f"/api/v1/{route}/{created.json()['id']}"
    assert api.get(path).json() == created.json()
    label = "first_name" if route == "contacts" else "title" if route == "tasks" else "name"
    assert api.patch(path, {label: "Changed"}).json()[label] == "Changed"
    assert api.put(path, {**body, label: "Again"}).json()[label] == "Again"
    assert api.get(f"/api/v1/{route}").json()["total_count"] == 1
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_values_keep_their_form(api: APIClient) -> None:
    deal = api.post("/api/v1/opportunities", ROUTES["opportunities"]).json()
    assert (deal["value"], deal["currency"], deal["stage"]) == (15000.5, "EUR", "Lead")
    task = api.post("/api/v1/tasks", ROUTES["tasks"]).json()
    assert task["due_at"] == "2026-12-01T08:00:00.000000Z"


def test_an_address_belongs_to_one_contact(api: APIClient, foreign_api: APIClient) -> None:
    assert api.post("/api/v1/contacts", {"email": "ann@example.org"}).status_code == 201
    taken = api.post("/api/v1/contacts", {"email": "ANN@example.org"})
    assert (taken.status_code, taken.json()["error_code"]) == (409, "conflict")
    assert list(taken.json()["details"]) == ["email"]
    assert foreign_api.post("/api/v1/contacts", {"email": "ann@example.org"}).status_code == 201


@pytest.mark.parametrize(
    "route, body, field",
    [
        ("contacts", {}, "non_field_errors"),
        ("opportunities", {"name": ""}, "name"),
        ("opportunities", {"name": "Deal", "stage": "Nowhere"}, "stage"),
        ("opportunities", {"name": "Deal", "value": 1e13}, "value"),
        ("opportunities", {"name": "Deal", "value": "NaN"}, "value"),
        ("opportunities", {"name": "Deal", "currency": "Euro"}, "currency"),
        ("opportunities", {"name": "Deal", "close_date": "30 February"}, "close_date"),
        ("opportunities", {"name": "Deal", "contact_id": "nonsense"}, "contact_id"),
        ("opportunities", {"name": "Deal", "contact_id": ["a"]}, "contact_id"),
        ("notes", {"text": "Hello"}, "non_field_errors"),
        ("tasks", {"title": "Call", "due_at": "9999-12-31T23:59:59-12:00"}, "due_at"),
        ("forms", {"name": "F", "fields": {}}, "fields"),
        (
            "forms",
            {"name": "F", "fields": [{"name": "a", "label": "A", "type": "wizard"}]},
            "fields",
        ),
        (
            "forms",
            {"name": "F", "fields": [{"name": "a", "label": "A", "type": "text"}] * 2},
            "fields",
        ),
        (
            "forms",
            {
                "name": "F",
                "fields": FIFTY_ONE,
            },
            "fields",
        ),
        ("forms", {"name": "F", "slug": "not a slug"}, "slug"),
    ],
)
def test_what_does_not_fit_is_refused_by_field(
    api: APIClient, route: str, body: dict[str, Any], field: str
) -> None:
    answer = api.post(f"/api/v1/{route}", body)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])


def test_lists_are_filtered_and_searched(api: APIClient, acme: Workspace) -> None:
    ann = Contact.objects.create(
        workspace=acme, first_name="Ann", company="Acme", email="ann@example.org"
    )
    Contact.objects.create(workspace=acme, first_name="Bob")
    Opportunity.objects.create(workspace=acme, name="Small", value=5, contact=ann)
    Opportunity.objects.create(workspace=acme, name="Big", value=500, stage="Proposal")
    found = {
        "contacts?search=ann+acme": ["Ann"],
        "contacts?search=ann+bob": [],
        "contacts?email=ANN@example.org": ["Ann"],
        "opportunities?min_value=100": ["Big"],
        f"opportunities?contact_id={ann.pk}": ["Small"],
        "opportunities?stage=Proposal": ["Big"],
        "opportunities?search=acme": ["Small"],
        "opportunities?until=2020-01-01T00:00:00Z": [],
    }
    for query, names in found.items():
        rows = api.get(f"/api/v1/{query}").json()["results"]
        assert [row.get("first_name") or row["name"] for row in rows] == names, query


def test_a_note_is_signed_by_its_writer(api: APIClient, acme: Workspace) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    note = api.post("/api/v1/notes", {"text": "Called", "contact_id": str(ann.pk)}).json()
    assert note["owner"] == acme.memberships.get().user_id


def test_forms_get_an_address_of_their_own_and_submissions_are_read_only(
    api: APIClient, acme: Workspace
) -> None:
    first, second = (api.post("/api/v1/forms", {"name": "Contact us"}).json() for _ in range(2))
    assert (first["slug"], second["slug"]) == ("contact-us", "contact-us-2")
    assert first["public_url"].endswith(f"/forms/{first['public_id']}/")
    assert api.post("/api/v1/forms", {"name": "Third", "slug": "contact-us"}).status_code == 409
    FormSubmission.objects.create(
        workspace=acme, form_id=first["id"], fields={"email": "ann@example.org"}
    )
    sent = api.get(f"/api/v1/form-submissions?form_id={first['id']}").json()["results"]
    assert [row["fields"] for row in sent] == [{"email": "ann@example.org"}]
    assert api.delete(f"/api/v1/form-submissions/{sent[0]['id']}").status_code == 405
