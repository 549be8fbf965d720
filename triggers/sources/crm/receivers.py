"""Django's and our own signals -> events. Each receiver translates and makes one call."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from crm.models import Contact, FormSubmission, Opportunity
from crm.models.tracking import TrackedQuerySet
from crm.signals import form_submitted, rows_changed
from triggers import events
from triggers.sources.crm import drafts, listener


@receiver(post_save, sender=Contact, dispatch_uid="triggers.contact_saved")
def contact_saved(instance: Contact, *, created: bool, raw: bool, **_: Any) -> None:
    if not raw:
        tell = listener.contact_created if created else listener.contact_updated
        tell(instance)


@receiver(post_delete, sender=Contact, dispatch_uid="triggers.contact_deleted")
def contact_deleted(instance: Contact, *, origin: Any = None, **_: Any) -> None:
    if not isinstance(origin, TrackedQuerySet):  # which tells of its rows itself
        listener.contact_deleted(instance)


@receiver(rows_changed, sender=Contact, dispatch_uid="triggers.contacts_changed")
def contacts_changed(kind: str, rows: Sequence[Contact], **_: Any) -> None:
    events.emit_many(drafts.of_contacts(kind, rows, by=_bulk_actor(kind)))


@receiver(post_save, sender=Opportunity, dispatch_uid="triggers.deal_saved")
def deal_saved(instance: Opportunity, *, created: bool, raw: bool, **_: Any) -> None:
    if not raw:
        tell = listener.deal_created if created else listener.deal_updated
        tell(instance)


@receiver(post_delete, sender=Opportunity, dispatch_uid="triggers.deal_deleted")
def deal_deleted(instance: Opportunity, *, origin: Any = None, **_: Any) -> None:
    if not isinstance(origin, TrackedQuerySet):
        listener.deal_deleted(instance)


@receiver(rows_changed, sender=Opportunity, dispatch_uid="triggers.deals_changed")
def deals_changed(kind: str, rows: Sequence[Opportunity], **_: Any) -> None:
    events.emit_many(drafts.of_deals(kind, rows, by=_bulk_actor(kind)))


@receiver(form_submitted, sender=FormSubmission, dispatch_uid="triggers.form_submitted")
def form_answered(submission: FormSubmission, **_: Any) -> uuid.UUID:
    return listener.form_submitted(submission).pk


def _bulk_actor(kind: str) -> str:
    """Rows created in bulk are an import, which nobody did one by one; the event's `actor` still tells who began it."""
    return "system" if kind == "created" else drafts.whoever_acts()
