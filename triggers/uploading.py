"""A workspace's own webhook types: the one place where they are checked, stored, tried and deleted.

REST and admin call it alike:

    row = OwnWebhookType(workspace=acme, created_by=ann)
    warnings = uploading.store(row, {"webhook_type": "shop", "parser": "custom", "json_schema": {...}, ...})

Fields that are not given stay as they are, so that a change may be partial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.deletion import RestrictedError

from config.lib import clock, json
from triggers import intake, payload_samples, sandbox, webhook_types
from triggers.intake import Answered, Refused
from triggers.models import OwnWebhookType, Trigger
from triggers.own_types import OwnType
from triggers.problems import InvalidType, TypeNameTaken
from triggers.type_draft import Draft
from triggers.webhook_types import Incoming, Unavailable
from triggers.webhook_types.generic import Generic


class InUse(Exception):
    """The type has triggers: `names` are theirs, by id."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        listed = ", ".join(list(names.values())[:10])
        super().__init__(
            f"{len(names)} triggers use this type: {listed}. Change or delete them first."
        )


def store(row: OwnWebhookType, fields: Mapping[str, Any]) -> list[str]:
    """`apply` and save, in one transaction. Raises what `apply` raises, also when two do it at the same time."""
    try:
        with transaction.atomic():
            warnings = apply(row, fields)
            row.save()
    except IntegrityError as error:
        if "webhook_type_name_once" in str(error):
            raise TypeNameTaken from None
        raise
    return warnings


def apply(row: OwnWebhookType, fields: Mapping[str, Any], *, is_trial: bool = False) -> list[str]:
    """Sets the fields on the row; does not save. Answers warnings. A trial asks for no place in the workspace.

    Raises InvalidType or TypeNameTaken, and then leaves the row alone; sandbox.CannotRun where nobody can tell now.
    """
    draft = Draft(row, dict(fields))
    draft.read()
    if draft.problems:
        raise InvalidType(draft.problems)
    if not is_trial:
        _ask_for_place(row, draft.now("name"))
    for name, value in draft.values.items():
        setattr(row, name, value)
    if not row._state.adding:
        row.version += 1
    return [*_read_sample(row), *_left_unproved(row)]


def _ask_for_place(row: OwnWebhookType, name: str) -> None:
    """Raises TypeNameTaken, InvalidType."""
    same = OwnWebhookType.objects.filter(workspace_id=row.workspace_id)
    if same.filter(name=name).exclude(pk=row.pk).exists():
        raise TypeNameTaken
    if row._state.adding and same.count() >= settings.WEBHOOK_TYPES_PER_WORKSPACE:
        most = settings.WEBHOOK_TYPES_PER_WORKSPACE
        raise InvalidType({"webhook_type": [f"A workspace has at most {most} types of its own."]})


def remove(row: OwnWebhookType) -> None:
    """Raises InUse."""
    try:
        with transaction.atomic():
            row.delete()
    except RestrictedError:
        raise InUse(users_of(row)) from None


def users_of(row: OwnWebhookType) -> dict[str, str]:
    """Names of the triggers that refer to it, by id."""
    found = Trigger.objects.filter(own_type=row).order_by("name").values_list("pk", "name")
    return {str(pk): name for pk, name in found}


def _read_sample(row: OwnWebhookType) -> list[str]:
    """Makes a sample where none was given, reads it as a request would be, and tells what does not fit."""
    if not row.sample_payload:
        row.sample_payload = payload_samples.sample_of(row.json_schema)
        if row.sample_payload is None:
            row.sample_payload = {}
    kind, body = OwnType(row), row.sample_payload
    request = _request(row, body)
    try:
        found = kind.read(request, body, seen=_seen(request), config={})
    except Unavailable as error:
        raise sandbox.Busy(str(error)) from None
    row.parsed_sample = found["parsed"]
    warnings = []
    if "parse_error" in found:
        warnings.append(f"The parser fails with the sample: {found['parse_error']}")
    for path, said in kind.misfits(request, body).items():
        warnings.append(f"The sample does not fit the schema: {path}: {said[0]}")
    return warnings


def _request(row: OwnWebhookType, body: Any) -> Incoming:
    methods = row.default_methods or ["POST"]
    return Incoming(methods[0], {"content-type": webhook_types.JSON}, json.dumps(body))


def _seen(request: Incoming) -> dict[str, Any]:
    return {"headers": dict(request.headers), "query_params": {}}


def _left_unproved(row: OwnWebhookType) -> list[str]:
    """Triggers that will turn every request away, as the type is now."""
    if row._state.adding:
        return []
    kind = OwnType(row)
    stuck = [
        trigger.name
        for trigger in Trigger.objects.filter(own_type=row).order_by("name")
        if kind.problems(trigger.config.get("webhook_config", {}))
    ]
    if not stuck:
        return []
    listed = ", ".join(stuck[:10])
    return [
        f"These triggers refuse every request until their configuration fits this type: {listed}."
    ]


def attempt(row: OwnWebhookType, request: Incoming, *, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a trigger with this `webhook_config` would make of the request. Nothing is stored.

    `{"accepted", "status", "error_code", "reason", "details", "parsed", "parse_error", "schema_valid", "schema_error"}`
    The request is taken as signed where a secret would be asked for; the validator is asked in any case.
    """
    kind, given = OwnType(row), {name: value for name, value in config.items() if value != ""}
    given = {**given, "unsigned": True} if not given.get("secret") else given
    found: dict[str, Any] = dict.fromkeys(
        ("error_code", "reason", "parse_error", "schema_error"), ""
    )
    found |= {"accepted": True, "status": kind.accepted_status}
    found |= {"details": {}, "parsed": {}, "schema_valid": None}
    now = clock.now().timestamp()
    if given.get("secret"):
        signed = {**request.headers, **_lower(Generic.sign(kind, request.body, given, now=now))}
        request = Incoming(request.method, signed, request.body, request.query, request.peer)
    asked = {"webhook_type": row.name, "webhook_config": given, "allowed_methods": [request.method]}
    try:
        answer = intake.judge(request, asked, now=now, find=lambda _name: kind)
    except Refused as refused:
        found |= {"accepted": False, "status": refused.status, "error_code": refused.code}
        return found | {"reason": refused.detail, "details": refused.fields}
    if isinstance(answer, Answered):
        return found
    said = ("parsed", "parse_error", "schema_valid", "schema_error")
    return found | {name: answer.payload[name] for name in said if name in answer.payload}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
