"""The CRM rows that a step speaks of: found in the run's own workspace, locked, changed and saved."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from agents import params
from agents.actions import ActionFailed, Scene
from crm.models import Contact, Membership, Opportunity

MAX_CUSTOM_FIELDS = 200

# The params with which a note or a task says what it is about.
ABOUT: dict[str, Any] = {
    "contact_id": {
        "x-guarded": True,
        "type": "string",
        "title": "Contact",
        "description": "The id of a contact; empty for the contact of the event.",
        "format": "uuid",
    },
    "deal_id": {
        "x-guarded": True,
        "type": "string",
        "title": "Deal",
        "description": "The id of a deal; empty for the deal of the event.",
        "format": "uuid",
    },
}

Row = TypeVar("Row", Contact, Opportunity)


def contact_of(scene: Scene, values: params.Params) -> Contact:
    """The contact of param `contact_id`, else that of the event, locked. Raises ActionFailed where there is none."""
    pk = params.identifier(values, "contact_id") or _of_event(scene, "contact")
    return _locked(Contact, pk, scene) or _missing("contact", pk)


def deal_of(scene: Scene, values: params.Params) -> Opportunity:
    """The deal of param `deal_id`, else that of the event, locked. Raises ActionFailed where there is none."""
    pk = params.identifier(values, "deal_id") or _of_event(scene, "deal")
    return _locked(Opportunity, pk, scene) or _missing("deal", pk)


def about(scene: Scene, values: params.Params) -> tuple[Contact | None, Opportunity | None]:
    """The contact and the deal that a note or task belongs to, where there are any.

    Those that the params name must exist; one of the event may have been deleted meanwhile.
    """
    contact = (
        contact_of(scene, values)
        if values.get("contact_id")
        else _locked(Contact, _of_event(scene, "contact"), scene)
    )
    deal = (
        deal_of(scene, values)
        if values.get("deal_id")
        else _locked(Opportunity, _of_event(scene, "deal"), scene)
    )
    return contact, deal


def about_output(contact: Contact | None, deal: Opportunity | None) -> dict[str, str | None]:
    return {
        "contact_id": str(contact.pk) if contact else None,
        "deal_id": str(deal.pk) if deal else None,
    }


def _of_event(scene: Scene, root: str) -> uuid.UUID | None:
    record = scene.variables.get(root)
    return params.as_uuid(record.get("id")) if isinstance(record, Mapping) else None


def _locked(model: type[Row], pk: uuid.UUID | None, scene: Scene) -> Row | None:
    if pk is None:
        return None
    rows = model._default_manager.select_for_update(no_key=True)
    return rows.filter(pk=pk, workspace_id=scene.workspace_id).first()


def _missing(word: str, pk: uuid.UUID | None) -> NoReturn:
    if pk is None:
        raise ActionFailed(f"Which {word}? The event has none; say it in {word}_id.")
    raise ActionFailed(f"There is no {word} {pk} (any more).")


def owner_of(scene: Scene, values: params.Params) -> User | None:
    """The member whom param `owner` names; None where it is missing or empty."""
    name = params.text(values, "owner")
    return member_of(scene.workspace_id, name) if name else None


def member_of(workspace_id: uuid.UUID, name: str) -> User:
    """The user of the workspace with this e-mail address, user name or id. Raises ActionFailed where there is none."""
    known = models.Q(user__username__iexact=name) | models.Q(user__email__iexact=name)
    if name.isascii() and name.isdigit() and len(name) < 10:  # what @contact.owner holds
        known = models.Q(user_id=int(name))
    found = Membership.objects.filter(known, workspace_id=workspace_id).select_related("user")[:2]
    if len(found) != 1:
        what = "is more than one person" if found else "is nobody in this workspace"
        raise ActionFailed(f"owner: {name[:100]!r} {what}.")
    return found[0].user


def change(row: Row, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sets the fields (of a relation, its id) and saves the row if one of them differs.

    Answers `{field: [old, new]}` of what differed. Raises ActionFailed where a value does not fit its field.
    """
    changes: dict[str, list[Any]] = {}
    for name, value in values.items():
        field = cast("models.Field[Any, Any]", row._meta.get_field(name))
        old, new = getattr(row, field.attname), _cleaned(field, value, row)
        if new != old:
            setattr(row, field.attname, new)
            changes[name] = [old, new]
    if changes:
        _save(row, list(changes))
    return changes


def merged_custom(row: Row, values: Mapping[str, Any]) -> dict[str, Any]:
    """The row's custom fields with these on top; a value of null takes a field away."""
    merged = {**(row.custom or {}), **values}
    merged = {name: value for name, value in merged.items() if value is not None}
    if len(merged) > MAX_CUSTOM_FIELDS:
        raise ActionFailed(f"More than {MAX_CUSTOM_FIELDS} custom fields.")
    return merged


def _cleaned(field: models.Field[Any, Any], value: Any, row: models.Model) -> Any:
    try:
        return field.clean(value, row)
    except ValidationError as error:
        raise ActionFailed(
            f"{field.name}: {' '.join(error.messages)} (It was {params.shown(value)}.)"
        ) from None


def _save(row: Row, names: list[str]) -> None:
    try:
        row.validate_constraints(
            exclude={field.name for field in row._meta.fields} - {*names, "workspace"}
        )
        with (
            transaction.atomic()
        ):  # a savepoint: two writers may still meet, and the run's transaction must live on
            row.save(update_fields=[*names, "updated_at"])
    except ValidationError as error:
        raise ActionFailed(" ".join(error.messages)) from None
    except IntegrityError as error:
        raise ActionFailed("Another record with these values exists already.") from error
