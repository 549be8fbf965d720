"""Change fields of a contact."""

from __future__ import annotations

from typing import Any

from agents import actions, params, records
from agents.actions import Effect, Scene
from config.lib import json
from crm.models import Workspace

TEXTS = ("first_name", "last_name", "email", "phone", "title", "company", "source")


def _text(title: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "title": title, "maxLength": 2000, **more}


_GUARDED = {"x-guarded": True}  # whose record it is, and where mail to it goes

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "contact_id": _text(
            "Contact",
            description="The id of a contact; empty for the contact of the event.",
            format="uuid",
            **_GUARDED,
        ),
        "first_name": _text("First name"),
        "last_name": _text("Last name"),
        "email": _text(
            "E-mail", description="One address; a contact of its own has it.", **_GUARDED
        ),
        "phone": _text("Phone"),
        "title": _text("Title", description="For example: @contact.title (VIP)"),
        "company": _text("Company"),
        "source": _text("Source"),
        "owner": _text(
            "Owner",
            description="E-mail address, user name or id of a member; empty for nobody.",
            **{"x-widget": "member", "x-guarded": True},
        ),
        "custom": {
            "type": "object",
            "title": "Custom fields",
            "description": "Added to those that the contact has; null takes one away.",
            "maxProperties": records.MAX_CUSTOM_FIELDS,
            "x-widget": "pairs",
        },
    },
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    if values.keys() - {"contact_id"}:
        return {}
    return {"": "Give at least one field to change."}


@actions.register(
    name="update_contact",
    label="Update contact",
    description="Changes fields of the contact of the event, or of another one.",
    schema=SCHEMA,
    effect=Effect.DATABASE,
    check=check,
    icon="person_edit",
    output_sample={"contact_id": "0190…", "changes": {"title": ["CEO", "CEO (VIP)"]}},
)
def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    contact = records.contact_of(scene, values)
    fields: dict[str, Any] = {name: params.text(values, name) for name in TEXTS if name in values}
    if "owner" in values:
        owner = records.owner_of(scene, values)
        fields["owner"] = owner.pk if owner else None
    if "custom" in values:
        fields["custom"] = records.merged_custom(contact, params.mapping(values, "custom"))
    changes = records.change(contact, fields)
    return {"contact_id": str(contact.pk), "changes": json.sanitise(changes)}
