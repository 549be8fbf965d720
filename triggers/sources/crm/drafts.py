"""Rows of the CRM -> events to be, with a snapshot of the row and of what changed.

Free JSON is cut here, in its own place: a payload that is cut as a whole could lose what its schema asks for, and then
the row itself could not be saved.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from config.lib import json
from crm.models import Contact, FormSubmission, Opportunity
from crm.models.tracking import TrackedModel
from triggers import events
from triggers.events import Draft
from triggers.sources.crm import types

_MAX_JSON = (
    48 * 1024
)  # of one free JSON value; two records and their changes stay under the 256 KiB of a payload
_MAX_CHANGE = 16 * 1024  # of one old or new value
_CONTACT_KINDS = {
    "created": types.CONTACT_CREATED,
    "updated": types.CONTACT_UPDATED,
    "deleted": types.CONTACT_DELETED,
}
_DEAL_KINDS = {
    "created": types.DEAL_CREATED,
    "updated": types.DEAL_UPDATED,
    "deleted": types.DEAL_DELETED,
}


def whoever_acts() -> str:
    """For `triggered_by`: the id of a user, or `system`; an agent reads `agent:<id>`."""
    return events.current_actor().removeprefix("user:")


def of_contacts(kind: str, contacts: Sequence[Contact], *, by: str) -> list[Draft]:
    """One draft for each contact; none for one that was saved and did not change. `kind`: created, updated, deleted."""
    return [
        Draft(
            _CONTACT_KINDS[kind],
            contact.workspace_id,
            {
                "contact": contact_fields(contact),
                **({"changes": changes_of(contact)} if kind == "updated" else {}),
                "triggered_by": by,
            },
            subject=f"contact:{contact.pk}",
        )
        for contact in contacts
        if kind != "updated" or contact.changes()
    ]


def of_deals(kind: str, deals: Sequence[Opportunity], *, by: str) -> list[Draft]:
    """The same for deals, two for one that moved to another stage. At most one query: contacts that are not loaded."""
    told = [deal for deal in deals if kind != "updated" or deal.changes()]
    contacts = _contacts_of(told)
    return [
        draft
        for deal in told
        for draft in _of_deal(kind, deal, contacts.get(deal.stored()["contact"]), by=by)
    ]


def _of_deal(kind: str, deal: Opportunity, contact: Contact | None, *, by: str) -> Iterator[Draft]:
    payload = {
        "deal": deal_fields(deal),
        "contact": contact_fields(contact) if contact else None,
        "triggered_by": by,
    }
    if kind == "updated":
        payload["changes"] = changes_of(deal)
    subject = f"deal:{deal.pk}"
    if kind == "updated" and "stage" in deal.changes():
        old, new = deal.changes()["stage"]
        moved = {**payload, "previous_stage": old, "new_stage": new}
        yield Draft(types.DEAL_STAGE_UPDATED, deal.workspace_id, moved, subject=subject)
    yield Draft(_DEAL_KINDS[kind], deal.workspace_id, payload, subject=subject)


def of_submission(submission: FormSubmission) -> Draft:
    """Its subject is the contact, so that the contact's page tells of it."""
    form, contact = submission.form, submission.contact
    answers = json.sanitise(submission.fields, max_bytes=2 * _MAX_JSON)
    return Draft(
        types.FORM_SUBMITTED,
        submission.workspace_id,
        {
            "form": {
                "form_id": form.pk if form else None,
                "name": form.name if form else "",
                "submitted_at": submission.submitted_at,
                "fields": answers,
            },
            "contact": contact_fields(contact) if contact else None,
            "is_new_contact": submission.is_new_contact,
        },
        subject=f"contact:{contact.pk}" if contact else f"form:{form.pk}" if form else "",
    )


def contact_fields(contact: Contact) -> dict[str, Any]:
    return _fields_of(contact)


def deal_fields(deal: Opportunity) -> dict[str, Any]:
    return _fields_of(deal)


def changes_of(row: TrackedModel) -> dict[str, dict[str, Any]]:
    """`{field: {"old", "new"}}`, by the names that the payload has for them."""
    return {
        _public(name): {
            "old": json.sanitise(old, max_bytes=_MAX_CHANGE),
            "new": json.sanitise(new, max_bytes=_MAX_CHANGE),
        }
        for name, (old, new) in row.changes().items()
    }


def _fields_of(row: TrackedModel) -> dict[str, Any]:
    values = {"id": row.pk, **row.stored()}
    custom = values.pop("custom")
    if not isinstance(custom, dict):
        custom = {} if custom is None else {"value": custom}
    fields = {_public(name): value for name, value in values.items()}
    return {**fields, "custom": json.sanitise(custom, max_bytes=_MAX_JSON)}


def _public(name: str) -> str:
    return "contact_id" if name == "contact" else name


def _contacts_of(deals: Collection[Opportunity]) -> dict[uuid.UUID | None, Contact]:
    """The contacts of these deals by id; asks for those that no deal has loaded."""
    loaded = Opportunity._meta.get_field("contact")
    found: dict[uuid.UUID | None, Contact] = {
        deal.contact.pk: deal.contact
        for deal in deals
        if loaded.is_cached(deal) and deal.contact is not None
    }
    missing = {deal.stored()["contact"] for deal in deals} - set(found) - {None}
    if missing:
        found.update(Contact.objects.in_bulk(list(missing)))
    return found
