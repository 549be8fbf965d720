"""Answers to a form: checked, kept, and made a contact of, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from config.lib import actors, measures
from crm import form_fields, signals
from crm.models import Contact, Form, FormSubmission, Workspace

SOURCE = "form_submission"  # of the contacts that forms make
_TRIES = 3


class Refused(Exception):
    """`errors`: what is wrong, by field."""

    def __init__(self, errors: form_fields.Errors) -> None:
        super().__init__("; ".join(f"{name}: {texts[0]}" for name, texts in errors.items()))
        self.errors = errors


class FormClosed(Exception):
    """The form takes no answers now."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """`event_id` is that of `form_submitted`; None for spam, and for what had been sent before: nobody is told."""

    submission: FormSubmission
    event_id: uuid.UUID | None


def submit(
    form: Form | None,
    answers: Mapping[str, Any],
    *,
    workspace: Workspace | None = None,
    is_spam: bool = False,
    sending: str = "",
) -> Accepted:
    """Keeps the answers, finds or makes the contact, and tells.

    Without a form the workspace must be named, and any fields may be sent beside an e-mail address. Spam is kept and
    marked, without contact and event. `sending` names a sending of the form's page: what comes twice under one name is
    answered with the first. Raises Refused and FormClosed.
    """
    if form and not form.is_open:
        raise FormClosed
    kept, errors = (
        form_fields.read_answers(form.fields, answers)
        if form
        else form_fields.read_free_answers(answers)
    )
    if errors:
        measures.FORMS.add("refused")
        raise Refused(errors)
    owner = form.workspace if form else workspace
    if owner is None:
        raise ValueError("Name a form or a workspace.")
    submission = FormSubmission(workspace=owner, form=form, fields=kept, is_spam=is_spam)
    if is_spam:
        submission.save()
        measures.FORMS.add("spam")
        return Accepted(submission, event_id=None)
    submission.sending = sending
    try:
        with transaction.atomic(), actors.stranger():
            accepted = Accepted(submission, event_id=_take(submission))
    except IntegrityError:
        if first := _sent_before(submission):
            return Accepted(first, event_id=None)
        raise
    measures.FORMS.add("accepted")
    return accepted


def _sent_before(submission: FormSubmission) -> FormSubmission | None:
    """Uses index submission_sent_once."""
    if not submission.sending:
        return None
    rows = FormSubmission.objects.filter(form=submission.form, sending=submission.sending)
    return rows.first()


def _take(submission: FormSubmission) -> uuid.UUID | None:
    """Contact, submission, figures, event: in this order, so that each finds what stands before it."""
    person = _person(submission.form, submission.fields)
    if person:
        submission.contact, submission.is_new_contact = _find_or_create(
            submission.workspace, person
        )
    submission.save()
    if submission.form:
        _count(submission.form, submission)
    answers: Sequence[tuple[object, object]] = signals.form_submitted.send(
        sender=FormSubmission, submission=submission
    )
    return next((answer for _, answer in answers if isinstance(answer, uuid.UUID)), None)


def _count(form: Form, submission: FormSubmission) -> None:
    counted = Form.objects.filter(pk=form.pk, is_open=True).update(
        submissions_count=F("submissions_count") + 1,
        last_submitted_at=Greatest("last_submitted_at", Value(submission.submitted_at)),
    )
    if not counted:  # closed or deleted since we read it
        raise FormClosed


def _person(form: Form | None, answers: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a contact, as far as the answers have them; empty where nothing says who it is.

    The first word of a name is the first name, the rest the last name.
    """
    by_type = {field["type"]: field["name"] for field in reversed(form.fields if form else [])}
    first, _, rest = _text(answers, "name", "full_name").partition(" ")
    person = {
        "email": _text(answers, by_type.get("email", "email")),
        "first_name": _text(answers, "first_name") or first,
        "last_name": _text(answers, "last_name") or rest.strip(),
        "phone": _text(answers, "phone", by_type.get("tel", "tel")),
        "company": _text(answers, "company", "organization"),
        "title": _text(answers, "title", "job_title"),
    }
    if not (person["email"] or person["first_name"] or person["last_name"]):
        return {}
    return {name: _fit(name, value) for name, value in person.items()}


def _text(answers: Mapping[str, Any], *names: str) -> str:
    found = (answers.get(name) for name in names)
    return next(
        (" ".join(value.split()) for value in found if isinstance(value, str) and value), ""
    )


def _fit(name: str, value: str) -> str:
    """A contact holds less than a form may ask; the submission keeps all of it."""
    return value[: getattr(Contact._meta.get_field(name), "max_length", None)]


def _find_or_create(workspace: Workspace, person: Mapping[str, str]) -> tuple[Contact, bool]:
    """(contact, whether it is new). Of equal submissions at once, the unique index lets one make the contact."""
    known = Contact.objects.filter(workspace=workspace).with_email(person["email"])
    for _ in range(_TRIES):
        if contact := known.first():
            return contact, False
        try:
            with transaction.atomic():
                return Contact.objects.create(workspace=workspace, source=SOURCE, **person), True
        except IntegrityError:
            continue  # somebody was quicker; unless that one is deleted again, it is found now
    return known.get(), False
