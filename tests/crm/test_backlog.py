"""The bound of queued work, at every public door."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework.test import APIClient

from crm import backlog
from crm.models import Contact, Form, FormSubmission, Workspace
from executions import backlog as works
from executions.models import Alert, AlertKind, Execution
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event

pytestmark = pytest.mark.django_db

EMIT = "/api/v1/triggers/emit"
WEBHOOK = "/api/workspaces/acme/webhooks/form-submitted"
BODY = {"endpoint": "signed_up", "data": {}}


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts anew for each request."""
    monkeypatch.setattr(backlog, "FRESH_SECONDS", 0.0)


@pytest.fixture
def fill(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> Callable[[int, str], None]:
    agent = make_agent("A", {"action": "notify", "params": {"message": "Hi"}})
    trigger = make_trigger(agent, "sale")

    def make(number: int, status: str) -> None:
        event = Event.objects.create(
            workspace=acme,
            type="sale",
            topic="sale",
            source="t",
            state="matched",
            occurred_at="2026-01-01T00:00:00Z",
            root_id=uuid.uuid4(),
        )
        Execution.objects.bulk_create(
            Execution(
                workspace=acme,
                event=event,
                trigger=trigger,
                agent=agent,
                listener_id=uuid.uuid4(),
                status=status,
                finished_at=event.occurred_at if status == "completed" else None,
            )
            for _ in range(number)
        )

    return make


@pytest.mark.usefixtures("no_memory")
def test_at_the_bound_every_public_door_says_when_to_come_back(
    api: APIClient, acme: Workspace, fill: Callable[[int, str], None]
) -> None:
    Workspace.objects.update(queue_limit=10)
    fill(6, "queued")
    fill(2, "retrying")
    fill(50, "completed")
    assert api.post(EMIT, BODY).status_code == 202  # the ninth waits: a recorded event
    assert api.post(WEBHOOK, {"email": "a@example.org"}).status_code == 200  # a contact and a form
    for answer in (api.post(EMIT, BODY), api.post(WEBHOOK, {"email": "b@example.org"})):
        assert (answer.status_code, answer["Retry-After"]) == (429, "30")
        assert answer.json()["error_code"] == "queue_full"
        assert "takes no more just now" in answer.json()["error_message"]
    assert not Contact.objects.filter(email="b@example.org").exists()
    alert = Alert.objects.get()
    assert (alert.kind, alert.workspace) == (AlertKind.QUEUE_FULL, acme)
    Execution.objects.filter(status="queued").update(status="completed")
    assert api.post(EMIT, BODY).status_code == 202


@pytest.mark.usefixtures("no_memory")
def test_a_person_at_a_form_keeps_the_answers(
    acme: Workspace, settings: Settings, fill: Callable[[int, str], None]
) -> None:
    settings.FORM_MIN_SECONDS = 0
    fields = [{"name": "email", "label": "E-mail", "type": "email", "required": True}]
    form = Form.objects.create(workspace=acme, name="Hello", slug="hello", fields=fields)
    Workspace.objects.update(queue_limit=1)
    fill(1, "queued")
    browser = Client(headers={"accept": "text/html"})
    page = f"/forms/{form.public_id}/"
    token = re.search(r'name="_token" value="([^"]+)"', browser.get(page).text)
    assert token
    answer = browser.post(page, {"_token": token[1], "email": "ann@example.org"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert "ann@example.org" in answer.text
    assert "Please wait 30 seconds" in answer.text
    assert not FormSubmission.objects.exists()


@pytest.mark.usefixtures("no_memory")
def test_the_crm_and_other_workspaces_go_on(
    acme: Workspace, foreign_api: APIClient, fill: Callable[[int, str], None]
) -> None:
    Workspace.objects.filter(pk=acme.pk).update(queue_limit=1)
    fill(5, "queued")
    Contact.objects.create(workspace=acme, email="sale@example.org")
    assert Event.objects.filter(type="contact_created").count() == 1
    assert foreign_api.post(EMIT, BODY).status_code == 202


def test_a_process_counts_once_a_second_and_adds_what_it_let_in(
    acme: Workspace, settings: Settings
) -> None:
    settings.QUEUE_LIMIT = 3
    with CaptureQueriesContext(
        connection,
    ) as queries:
        waits = [backlog.seconds_to_wait(acme) for _ in range(5)]
    assert waits == [0, 0, 0, 30, 30]
    assert len(queries) == 1


@pytest.mark.usefixtures("no_memory")
def test_the_bound_is_named_and_its_alert_closes_by_itself(
    api: APIClient, acme: Workspace, fill: Callable[[int, str], None]
) -> None:
    Workspace.objects.update(queue_limit=10)
    fill(10, "queued")
    answer = api.post(EMIT, BODY)
    assert "its bound is 10 runs and events" in answer.json()["error_message"]
    assert answer.json()["details"] == {"bound": 10}
    alert = Alert.objects.get(kind=AlertKind.QUEUE_FULL)
    assert "10 runs and events wait, which is the bound" in alert.message
    assert "queue limit in the workspace's settings" in alert.message
    api.post(EMIT, BODY)
    alert.refresh_from_db()
    assert alert.times == 1
    assert works.settle() == 0
    Execution.objects.filter(pk=Execution.objects.values("pk")[:1]).update(status="completed")
    assert works.settle() == 1
    alert.refresh_from_db()
    assert alert.resolved_at is not None
    assert works.settle() == 0
