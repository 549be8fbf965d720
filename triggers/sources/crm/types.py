"""What the events of the CRM look like. Payloads are snapshots: they tell the row as it was when the event happened."""

from __future__ import annotations

from typing import Any

from triggers import event_types
from triggers.event_types import EventType

Schema = dict[str, Any]

CONTACT_ID = "01995a3e-5c00-7000-8000-000000000001"
DEAL_ID = "01995a3e-5c00-7000-8000-000000000002"
FORM_ID = "01995a3e-5c00-7000-8000-000000000003"


def text(title: str, **more: Any) -> Schema:
    return {"type": "string", "title": title, **more}


def optional(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def record(title: str, properties: dict[str, Schema], *, required: bool = True) -> Schema:
    """An object with these fields, all of them there where `required`; further ones may be."""
    schema: Schema = {"type": "object", "title": title, "properties": properties}
    return {**schema, "required": list(properties)} if required else schema


def open_object(title: str, **more: Any) -> Schema:
    """An object whose fields nobody knows beforehand."""
    return {"type": "object", "title": title, "additionalProperties": True, **more}


_OWNER = {"type": ["integer", "null"], "title": "Owner (user id)"}
_TIMES = {
    "created_at": text("Created at", format="date-time"),
    "updated_at": text("Updated at", format="date-time"),
}
CONTACT = record(
    "Contact",
    {
        "id": text("Contact id", format="uuid"),
        "first_name": text("First name"),
        "last_name": text("Last name"),
        "email": text("E-mail", format="email"),
        "phone": text("Phone"),
        "title": text("Job title"),
        "company": text("Company"),
        "source": text("Source"),
        "owner": _OWNER,
        **_TIMES,
        "custom": open_object("Custom fields"),
    },
)
DEAL = record(
    "Deal",
    {
        "id": text("Deal id", format="uuid"),
        "name": text("Name"),
        "value": {"type": "number", "title": "Value"},
        "currency": text("Currency"),
        "stage": text("Stage"),
        "contact_id": optional(text("Contact id", format="uuid")),
        "close_date": optional(text("Close date", format="date")),
        "owner": _OWNER,
        **_TIMES,
        "custom": open_object("Custom fields"),
    },
)
FORM = record(
    "Form",
    {
        "form_id": optional(text("Form id", format="uuid")),
        "name": text("Form name"),
        "submitted_at": text("Submitted at", format="date-time"),
        "fields": open_object("Answers"),
    },
)
CHANGES = open_object(
    "Changes",
    description="The fields that changed, each with its old and its new value.",
    additionalProperties={
        "type": "object",
        "properties": {"old": {"title": "Old value"}, "new": {"title": "New value"}},
        "required": ["old", "new"],
    },
)
TRIGGERED_BY = text("Triggered by", description="The id of a user, or system.")

_SAMPLE_TIMES = {
    "created_at": "2026-11-03T09:30:00.000000Z",
    "updated_at": "2026-11-03T09:30:00.000000Z",
}
SAMPLE_CONTACT = {
    "id": CONTACT_ID,
    "first_name": "Ann",
    "last_name": "Example",
    "email": "ann@example.org",
    "phone": "+1 555 0100",
    "title": "Head of Sales",
    "company": "Example Ltd",
    "source": "form_submission",
    "owner": 1,
    **_SAMPLE_TIMES,
    "custom": {},
}
SAMPLE_DEAL = {
    "id": DEAL_ID,
    "name": "Example Ltd: yearly licence",
    "value": 15000,
    "currency": "USD",
    "stage": "Closed Won",
    "contact_id": CONTACT_ID,
    "close_date": "2026-12-31",
    "owner": 1,
    **_SAMPLE_TIMES,
    "custom": {},
}
SAMPLE_FORM = {
    "form_id": FORM_ID,
    "name": "Contact us",
    "submitted_at": "2026-11-03T09:30:00.000000Z",
    "fields": {
        "name": "Ann Example",
        "email": "ann@example.org",
        "company": "Example Ltd",
        "message": "Please call me.",
    },
}


def _register(
    name: str,
    label: str,
    group: str,
    fields: dict[str, Schema],
    sample: dict[str, Any],
    *,
    by_strangers: bool = False,
) -> EventType:
    return event_types.register(
        name,
        label=label,
        schema=record(label, fields),
        sample=sample,
        source="crm",
        group=group,
        by_strangers=by_strangers,
    )


_OF_CONTACT = {"contact": CONTACT, "triggered_by": TRIGGERED_BY}
_CONTACT_SAMPLE = {"contact": SAMPLE_CONTACT, "triggered_by": "1"}
_OF_DEAL = {"deal": DEAL, "contact": optional(CONTACT), "triggered_by": TRIGGERED_BY}
_DEAL_SAMPLE = {"deal": SAMPLE_DEAL, "contact": SAMPLE_CONTACT, "triggered_by": "1"}

CONTACT_CREATED = _register(
    "contact_created", "Contact created", "Contacts", _OF_CONTACT, _CONTACT_SAMPLE
)
CONTACT_UPDATED = _register(
    "contact_updated",
    "Contact updated",
    "Contacts",
    {**_OF_CONTACT, "changes": CHANGES},
    {**_CONTACT_SAMPLE, "changes": {"title": {"old": "Sales", "new": "Head of Sales"}}},
)
CONTACT_DELETED = _register(
    "contact_deleted", "Contact deleted", "Contacts", _OF_CONTACT, _CONTACT_SAMPLE
)
DEAL_CREATED = _register("deal_created", "Deal created", "Deals", _OF_DEAL, _DEAL_SAMPLE)
DEAL_UPDATED = _register(
    "deal_updated",
    "Deal updated",
    "Deals",
    {**_OF_DEAL, "changes": CHANGES},
    {**_DEAL_SAMPLE, "changes": {"value": {"old": 5000, "new": 15000}}},
)
DEAL_STAGE_UPDATED = _register(
    "deal_stage_updated",
    "Deal moved to another stage",
    "Deals",
    {
        **_OF_DEAL,
        "previous_stage": text("Previous stage"),
        "new_stage": text("New stage"),
        "changes": CHANGES,
    },
    {
        **_DEAL_SAMPLE,
        "previous_stage": "Proposal",
        "new_stage": "Closed Won",
        "changes": {"stage": {"old": "Proposal", "new": "Closed Won"}},
    },
)
DEAL_DELETED = _register("deal_deleted", "Deal deleted", "Deals", _OF_DEAL, _DEAL_SAMPLE)
FORM_SUBMITTED = _register(
    "form_submitted",
    "Form submitted",
    "Forms",
    {
        "form": FORM,
        "contact": optional(CONTACT),
        "is_new_contact": {"type": "boolean", "title": "Is a new contact"},
    },
    {"form": SAMPLE_FORM, "contact": SAMPLE_CONTACT, "is_new_contact": True},
    by_strangers=True,
)
