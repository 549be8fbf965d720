"""Write a note about a contact, a deal, or both."""

from __future__ import annotations

from typing import Any

from agents import actions, params, records
from agents.actions import ActionFailed, Effect, Scene
from crm.models import Note

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {
            "type": "string",
            "title": "Text",
            "description": "For example: @contact.first_name asked for @form.fields.product.",
            "minLength": 1,
            "maxLength": 20_000,
            "x-widget": "textarea",
        },
        **records.ABOUT,
    },
    "required": ["text"],
    "additionalProperties": False,
}


@actions.register(
    name="create_note",
    label="Create note",
    description="Writes a note about the contact and the deal of the event, or about others.",
    schema=SCHEMA,
    effect=Effect.DATABASE,
    icon="note_add",
    output_sample={"note_id": "0190…", "contact_id": "0190…", "deal_id": None},
)
def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    text = params.required_text(values, "text")
    contact, deal = records.about(scene, values)
    if contact is None and deal is None:
        raise ActionFailed(
            "A note about what? The event has no contact and no deal; say contact_id or deal_id."
        )
    note = Note(
        workspace_id=scene.workspace_id,
        contact=contact,
        opportunity=deal,
        text=text,
    )
    note.save()
    return {"note_id": str(note.pk), **records.about_output(contact, deal)}
