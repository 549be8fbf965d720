from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from crm.models import Contact, Form, FormSubmission, Workspace
from triggers.models import Event

JSON = "application/json"


@pytest.fixture(autouse=True)
def no_limit(settings: Settings) -> None:
    settings.FORM_PER_MINUTE = 0


@pytest.fixture
def form(acme: Workspace) -> Form:
    return Form.objects.create(workspace=acme, name="Inbound", slug="inbound")


def send(body: Any, *, workspace: str = "acme", content_type: str = JSON, **more: Any) -> Any:
    path = f"/api/workspaces/{workspace}/webhooks/form-submitted"
    return Client(enforce_csrf_checks=True).post(path, body, content_type=content_type, **more)


def test_answers_without_a_form_make_a_contact(acme: Workspace) -> None:
    response = send({"email": "ann@example.org", "name": "Ann B. Example", "company": "Example"})
    contact = Contact.objects.get()
    submission = FormSubmission.objects.get()
    event = Event.objects.get(type="form_submitted")
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "contact_id": str(contact.pk),
        "submission_id": str(submission.pk),
        "event_id": str(event.pk),
        "is_new_contact": True,
    }
    assert (contact.first_name, contact.last_name) == ("Ann", "B. Example")
    assert (contact.company, contact.source) == ("Example", "form_submission")
    assert event.payload["form"]["fields"]["company"] == "Example"
    assert event.payload["form"]["form_id"] is None


def test_answers_to_a_form_of_the_workspace(acme: Workspace, form: Form) -> None:
    answers = [
        send(
            {"form_id": form_id, "email": "ann@example.org", "name": "Ann"}, workspace=str(acme.pk)
        )
        for form_id in (str(form.pk), form.public_id)
    ]
    assert [response.json()["is_new_contact"] for response in answers] == [True, False]
    form.refresh_from_db()
    assert form.submissions_count == 2


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": ["a@example.org"]}, "email"),
        ({"email": "a@example.org", "name": {"first": "Ann"}}, "name"),
        ({"email": "a@example.org", "x": "y" * 20_000}, "x"),
        ({"email": "a@example.org", "form_id": "nothing"}, "form_id"),
        ({"email": "a@example.org", "form_id": str(uuid.UUID(int=7))}, "form_id"),
        ({"email": "a@example.org", "form_id": 5}, "form_id"),
        ({"email": "a@example.org", "form_id": {}}, "form_id"),
        ("[]", "body"),
        ("{", "body"),
        ('{"email": "a@example.org", "email": "b@example.org"}', "body"),
        ('{"email": "a@example.org", "n": NaN}', "body"),
        ('{"email": "a\\u0000@example.org"}', "body"),
        ('{"email": "a@example.org", "x": ' + "[" * 70 + "]" * 70 + "}", "body"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_told_by_field(acme: Workspace, body: Any, field: str) -> None:
    response = send(body)
    assert response.status_code == 400, response.content
    assert field in response.json()["details"]
    assert set(response.json()) == {
        "error_code",
        "error_message",
        "details",
        "timestamp",
        "request_id",
    }
    assert not FormSubmission.objects.exists()
    assert not Event.objects.exists()


def test_unknown_fields_of_a_form_are_told(form: Form) -> None:
    response = send(
        {"form_id": form.public_id, "email": "a@example.org", "name": "A", "color": "red"}
    )
    assert response.status_code == 400
    assert response.json()["details"] == {"color": ["This form has no such field."]}


def test_the_form_of_another_workspace_is_unknown(other: Workspace, form: Form) -> None:
    response = send(
        {"form_id": form.public_id, "email": "a@example.org", "name": "A"}, workspace="other"
    )
    assert (response.status_code, list(response.json()["details"])) == (400, ["form_id"])


def test_a_closed_form_is_a_conflict(form: Form) -> None:
    Form.objects.update(is_open=False)
    response = send({"form_id": form.public_id, "email": "a@example.org", "name": "A"})
    assert (response.status_code, response.json()["error_code"]) == (409, "form_closed")


def test_what_is_not_json_or_too_large_or_nowhere(acme: Workspace) -> None:
    assert (
        send("email=a@example.org", content_type="application/x-www-form-urlencoded").status_code
        == 415
    )
    assert send('{"email": "' + "x" * 1_100_000 + '"}').status_code == 413
    assert send({"email": "a@example.org"}, workspace="nowhere").status_code == 404
    assert send({"email": "a@example.org"}, workspace=str(uuid.uuid4())).status_code == 404
    response = Client().get("/api/workspaces/acme/webhooks/form-submitted")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


def test_a_flood_is_asked_to_wait(acme: Workspace, settings: Settings) -> None:
    settings.FORM_PER_MINUTE = 2
    address = f"10.{random.randrange(256)}.{random.randrange(256)}.8"
    answers = [send({"email": "a@example.org"}, REMOTE_ADDR=address) for _ in range(3)]
    assert [response.status_code for response in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
