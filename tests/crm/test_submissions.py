from __future__ import annotations

import threading

import pytest
from django.db import connection

from crm import submissions
from crm.models import Contact, Form, FormSubmission, Workspace
from triggers.models import Event

ANN = {"name": "Ann Marie Example", "email": "ann@example.org", "message": "Hello"}


@pytest.fixture
def form(acme: Workspace) -> Form:
    return Form.objects.create(workspace=acme, name="Inbound", slug="inbound")


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def test_a_stranger_becomes_a_contact(form: Form) -> None:
    accepted = submissions.submit(form, ANN)
    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name) == ("Ann", "Marie Example")
    assert (contact.email, contact.source) == ("ann@example.org", "form_submission")
    submission = FormSubmission.objects.get()
    assert submission == accepted.submission
    assert (submission.contact, submission.is_new_contact, submission.fields) == (
        contact,
        True,
        ANN,
    )
    form.refresh_from_db()
    assert (form.submissions_count, form.last_submitted_at) == (1, submission.submitted_at)
    assert told() == ["contact_created", "form_submitted"]
    event = Event.objects.get(type="form_submitted")
    assert event.pk == accepted.event_id
    assert event.payload["form"]["fields"]["message"] == "Hello"
    assert event.payload["is_new_contact"] is True


def test_somebody_known_is_found_however_the_address_is_written(
    form: Form, other: Workspace
) -> None:
    Contact.objects.create(workspace=other, email="ann@example.org")
    known = Contact.objects.create(
        workspace=form.workspace, email="Ann@Example.ORG", first_name="A"
    )
    Event.objects.all().delete()
    accepted = submissions.submit(form, ANN)
    assert accepted.submission.contact == known
    assert not accepted.submission.is_new_contact
    known.refresh_from_db()
    assert known.first_name == "A"
    assert told() == ["form_submitted"]


def test_further_answers_fill_a_new_contact(acme: Workspace) -> None:
    form = Form.objects.create(
        workspace=acme,
        name="Long",
        slug="long",
        fields=[
            {"name": "work_email", "label": "E-mail", "type": "email", "required": True},
            {"name": "first_name", "label": "First name", "type": "textarea"},
            {"name": "company", "label": "Company", "type": "text"},
            {"name": "mobile", "label": "Mobile", "type": "tel"},
        ],
    )
    submissions.submit(
        form,
        {
            "work_email": "a@example.org",
            "first_name": "A" * 200,
            "company": "Example",
            "mobile": "555",
        },
    )
    contact = Contact.objects.get()
    assert (contact.email, contact.company, contact.phone) == ("a@example.org", "Example", "555")
    assert contact.first_name == "A" * 150


def test_without_name_and_address_nobody_is_made(acme: Workspace) -> None:
    field = {"name": "score", "label": "Score", "type": "number"}
    form = Form.objects.create(workspace=acme, name="Poll", slug="poll", fields=[field])
    accepted = submissions.submit(form, {"score": "5"})
    assert accepted.submission.contact is None
    assert Event.objects.get().payload["contact"] is None
    assert Event.objects.get().subject == f"form:{form.pk}"


def test_a_wrong_answer_leaves_nothing(form: Form) -> None:
    with pytest.raises(submissions.Refused) as refused:
        submissions.submit(form, {**ANN, "email": "nonsense", "color": "red"})
    assert set(refused.value.errors) == {"email", "color"}
    assert not FormSubmission.objects.exists()
    assert told() == []


def test_spam_is_kept_and_not_told(form: Form) -> None:
    accepted = submissions.submit(form, ANN, is_spam=True)
    assert accepted.event_id is None
    assert FormSubmission.objects.get().is_spam
    assert not Contact.objects.exists()
    form.refresh_from_db()
    assert form.submissions_count == 0
    assert told() == []


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_closed_form_takes_nothing(form: Form, when: str) -> None:
    if when == "before":
        form.is_open = False
    else:
        Form.objects.update(is_open=False)
    with pytest.raises(submissions.FormClosed):
        submissions.submit(form, ANN)
    assert not Contact.objects.exists()
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_twenty_equal_submissions_at_once_make_one_contact() -> None:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    form = Form.objects.create(workspace=acme, name="Inbound", slug="inbound")
    new: list[bool] = []
    start = threading.Barrier(20)

    def send(number: int) -> None:
        try:
            mine = Form.objects.get(pk=form.pk)
            start.wait(30)
            email = "ANN@example.org" if number % 2 else "ann@example.org"
            new.append(submissions.submit(mine, {**ANN, "email": email}).submission.is_new_contact)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(new) == [False] * 19 + [True]
    assert Contact.objects.count() == 1
    assert FormSubmission.objects.filter(contact=Contact.objects.get()).count() == 20
    assert sorted(told()) == ["contact_created"] + ["form_submitted"] * 20
    form.refresh_from_db()
    assert form.submissions_count == 20
    assert form.last_submitted_at == FormSubmission.objects.latest("submitted_at").submitted_at


@pytest.mark.django_db(transaction=True)
def test_one_sending_that_comes_five_times_at_once_counts_once() -> None:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    form = Form.objects.create(workspace=acme, name="Inbound", slug="inbound")
    ids: list[object] = []
    start = threading.Barrier(5)

    def send() -> None:
        try:
            mine = Form.objects.get(pk=form.pk)
            start.wait(30)
            ids.append(submissions.submit(mine, ANN, sending="a" * 64).submission.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ids == [FormSubmission.objects.get().pk] * 5
    assert sorted(told()) == ["contact_created", "form_submitted"]
    form.refresh_from_db()
    assert form.submissions_count == 1
