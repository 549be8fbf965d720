"""Importing contacts: one transaction, one event per contact, done by the system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Lower

from config.lib import actors, clock
from crm.contact_csv import COLUMNS, Line, Sheet
from crm.models import Contact, Workspace

MAX_PROBLEMS = 100  # told one by one; the counts tell of all
_CHUNK = 1000


@dataclass(slots=True)
class Outcome:
    """How many rows became what; `problems` are `{"line", "errors"}`, the first MAX_PROBLEMS of them."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@transaction.atomic
def import_contacts(workspace: Workspace, *, sheet: Sheet, overwrite: bool = False) -> Outcome:
    """Stores what is right in the sheet and tells what is not.

    A row whose e-mail address is known, in the workspace or further up in the sheet, is left out or, with
    `overwrite`, written over the known one.
    """
    broken = [line for line in sheet.lines if line.errors]
    outcome = Outcome(
        failed=len(broken),
        problems=[{"line": line.number, "errors": line.errors} for line in broken[:MAX_PROBLEMS]],
        ignored_columns=sheet.ignored_columns,
    )
    lines = [line for line in sheet.lines if not line.errors]
    known = _known(workspace, emails={_folded(line) for line in lines} - {""})
    new, again = _sort_out(lines, known=known, workspace=workspace)
    changed = _overwrite(again) if overwrite else []
    stored = [contact for contact in changed if not contact._state.adding]
    with actors.acting_as("system"):
        Contact.objects.bulk_create(new)
        Contact.objects.bulk_update(stored, [*COLUMNS, "updated_at"])
    outcome.created = len(new)
    outcome.updated = len(again) if overwrite else 0
    outcome.skipped = len(again) - outcome.updated
    return outcome


def _folded(line: Line) -> str:
    return line.values.get("email", "").lower()


def _known(workspace: Workspace, *, emails: Iterable[str]) -> dict[str, Contact]:
    """The stored contacts with these addresses, locked in the order of their keys."""
    wanted = sorted(emails)
    found: dict[str, Contact] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = Contact.objects.filter(workspace=workspace).alias(folded=Lower("email"))
        rows = rows.filter(folded__in=wanted[start : start + _CHUNK]).order_by("pk")
        found.update(
            {contact.email.lower(): contact for contact in rows.select_for_update(no_key=True)}
        )
    return found


def _sort_out(
    lines: Sequence[Line], *, known: dict[str, Contact], workspace: Workspace
) -> tuple[list[Contact], list[tuple[Contact, Line]]]:
    """The new contacts, and the lines about known ones with whom they mean."""
    new: list[Contact] = []
    again: list[tuple[Contact, Line]] = []
    for line in lines:
        email = _folded(line)
        if email in known:
            again.append((known[email], line))
            continue
        contact = Contact(workspace=workspace, **{"source": "import", **line.values})
        new.append(contact)
        if email:
            known[email] = contact
    return new, again


def _overwrite(again: Sequence[tuple[Contact, Line]]) -> list[Contact]:
    """Writes what the lines fill over their contacts (empty cells keep what is there); each contact once."""
    now = clock.now()
    for contact, line in again:
        contact.updated_at = now
        for name, value in line.values.items():
            setattr(contact, name, value)
    return list({contact.pk: contact for contact, _ in again}.values())
