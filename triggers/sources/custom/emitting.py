"""Programs send custom events: one, or a list of which all are recorded or none."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from config.lib import json
from triggers import event_types, events
from triggers.models import Event
from triggers.sources import Problems
from triggers.sources.custom import endpoints

MAX_BATCH = 1000  # events of one request
MAX_DEDUPE_KEY = 150  # with the endpoint before it, it fits the column
_TOLD = 50  # problems of a batch


class CannotEmit(ValueError):
    """The event is malformed; `problems` says where: field -> messages."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        super().__init__(
            "; ".join(f"{path}: {' '.join(messages)}" for path, messages in problems.items())
        )


class ReservedType(Exception):
    """Only the system itself emits events of this type."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is emitted by Triggerfish itself and cannot be sent from outside."
        )


def emit_custom_event(
    endpoint: str, event_data: dict[str, Any], *, workspace_id: uuid.UUID, dedupe_key: str = ""
) -> Event:
    """Records a custom event and answers it; the same `dedupe_key` on the same endpoint answers the first one again.

    The payload is `{"endpoint", "data"}`; of a registered type that is open to the outside it is the data alone,
    checked against the type's schema. Raises CannotEmit, ReservedType, or `event_types.InvalidPayload`.
    """
    problems = _check_emit(endpoint, event_data, dedupe_key)
    if problems:
        raise CannotEmit(problems)
    draft = _draft(endpoint, event_data, workspace_id=workspace_id, dedupe_key=dedupe_key)
    return events.emit_many([draft])[0]


def emit_custom_events(given: Sequence[Any], *, workspace_id: uuid.UUID) -> list[Event]:
    """Records up to MAX_BATCH custom events, `{"endpoint", "data", "dedupe_key"?}` each: all of them, or none.

    Raises CannotEmit with paths such as `[3].endpoint`, or ReservedType.
    """
    if not 1 <= len(given) <= MAX_BATCH:
        raise CannotEmit({"body": [f"Give 1 to {MAX_BATCH} events."]})
    problems: Problems = {}
    for index, one in enumerate(given):
        for path, messages in _check_one(one).items():
            problems[f"[{index}].{path}" if path else f"[{index}]"] = messages
        if len(problems) >= _TOLD:
            break
    if problems:
        raise CannotEmit(problems)
    drafts = [
        _draft(
            one["endpoint"],
            one["data"],
            workspace_id=workspace_id,
            dedupe_key=one.get("dedupe_key", ""),
        )
        for one in given
    ]
    try:
        with transaction.atomic():
            return events.emit_many(drafts)
    except event_types.InvalidPayload as error:
        raise _placed(error, drafts) from None


def _placed(error: event_types.InvalidPayload, drafts: Sequence[events.Draft]) -> CannotEmit:
    """The first event of a batch that does not fit its type, by its place."""
    for index, draft in enumerate(drafts):
        kind = event_types.find(str(draft.type))
        try:
            if kind:
                kind.check(draft.payload)
        except event_types.InvalidPayload as found:
            return CannotEmit(
                {
                    f"[{index}].data.{one['path']}".rstrip("."): [one["message"]]
                    for one in found.problems
                }
            )
    return CannotEmit({"body": [str(error)]})


def _check_one(given: Any) -> Problems:
    if not isinstance(given, dict):
        return {"": ["Give an object with endpoint and data."]}
    problems = _check_emit(given.get("endpoint"), given.get("data"), given.get("dedupe_key", ""))
    for name in given.keys() - {"endpoint", "data", "dedupe_key"}:
        problems[str(name)[:100]] = ["Unknown field."]
    return problems


def _draft(
    endpoint: str, event_data: dict[str, Any], *, workspace_id: uuid.UUID, dedupe_key: str
) -> events.Draft:
    kind = event_types.find(endpoint)
    if kind and kind.reserved:
        raise ReservedType(endpoint)
    return events.Draft(
        endpoint,
        workspace_id,
        event_data if kind else {"endpoint": endpoint, "data": event_data},
        source="custom",
        dedupe_key=f"{endpoint}:{dedupe_key}" if dedupe_key else "",
    )


def _check_emit(endpoint: Any, event_data: Any, dedupe_key: Any) -> Problems:
    problems: Problems = {}
    if not isinstance(endpoint, str) or not endpoints.is_endpoint(endpoint):
        problems["endpoint"] = [endpoints.MALFORMED]
    if not isinstance(event_data, dict):
        problems["data"] = ["Give an object."]
    elif fault := _unstorable(event_data):
        problems["data"] = [fault]
    if (
        not isinstance(dedupe_key, str)
        or len(dedupe_key) > MAX_DEDUPE_KEY
        or not dedupe_key.isprintable()
    ):
        problems["dedupe_key"] = [f"Give a text of at most {MAX_DEDUPE_KEY} printable characters."]
    return problems


def _unstorable(data: dict[str, Any]) -> str | None:
    try:
        size = len(json.dumps(data))
    except TypeError:
        return "The data cannot be written as JSON."
    room = json.MAX_STORED_BYTES - 1024  # for what is put around it
    return f"An event holds at most {json.MAX_STORED_BYTES // 1024} KiB." if size > room else None
