"""The events of the CRM, one function for each: for receivers, and for programs that bring news of their own.

Each records in the open transaction. `triggered_by` is a user's id or `system`; unsaid, whoever is acting.
"""

from __future__ import annotations

from django.db.models import QuerySet

from crm.models import Contact, FormSubmission, Opportunity, Workspace
from triggers import events
from triggers.models import Event, Trigger
from triggers.sources.crm import drafts


def contact_created(contact: Contact, *, triggered_by: str | None = None) -> list[Event]:
    return _contact("created", contact, triggered_by)


def contact_updated(contact: Contact, *, triggered_by: str | None = None) -> list[Event]:
    """Nothing where `contact.changes()` is empty."""
    return _contact("updated", contact, triggered_by)


def contact_deleted(contact: Contact, *, triggered_by: str | None = None) -> list[Event]:
    return _contact("deleted", contact, triggered_by)


def deal_created(deal: Opportunity, *, triggered_by: str | None = None) -> list[Event]:
    return _deal("created", deal, triggered_by)


def deal_updated(deal: Opportunity, *, triggered_by: str | None = None) -> list[Event]:
    """Nothing where `deal.changes()` is empty; `deal_stage_updated` beside it where the stage is among them."""
    return _deal("updated", deal, triggered_by)


def deal_deleted(deal: Opportunity, *, triggered_by: str | None = None) -> list[Event]:
    return _deal("deleted", deal, triggered_by)


def form_submitted(submission: FormSubmission) -> Event:
    return events.emit_many([drafts.of_submission(submission)])[0]


def find_matching_agents(workspace: Workspace, event_type: str) -> QuerySet[Trigger]:
    """The triggers of any status that hear this type, each with its agent."""
    return Trigger.objects.listening_for([(workspace.pk, event_type)]).select_related("agent")


def _contact(kind: str, contact: Contact, triggered_by: str | None) -> list[Event]:
    by = triggered_by or drafts.whoever_acts()
    return events.emit_many(drafts.of_contacts(kind, [contact], by=by))


def _deal(kind: str, deal: Opportunity, triggered_by: str | None) -> list[Event]:
    by = triggered_by or drafts.whoever_acts()
    return events.emit_many(drafts.of_deals(kind, [deal], by=by))
