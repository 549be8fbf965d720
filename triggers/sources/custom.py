"""Custom events: a program names an endpoint and sends data, over REST or in code.

The event's type and topic are the endpoint's name, so `custom` and `event` triggers hear it alike. What the system
itself emits is reserved: nobody outside can claim that a contact was created.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction

from config.lib import json, paths
from crm.models import Workspace
from triggers import comparing, event_types, events
from triggers.models import Event
from triggers.models.trigger import heard_by
from triggers.sources import Config, Problems, Source, register

MAX_ENDPOINT = 100
MAX_BATCH = 1000  # events of one request
MAX_DEDUPE_KEY = 150  # with the endpoint before it, it fits the column
# No colon: topics such as `webhook:<endpoint>` belong to other sources.
_ENDPOINT = re.compile(r"[a-z][a-z0-9_]*([.-][a-z0-9_]+)*\Z")
_TOLD = 50  # problems of a batch
# As a trigger names it: `orders.*` hears orders.paid, where `heard_by` cuts a topic.
_WILDCARD = re.compile(r"[a-z][a-z0-9_]*([.-][a-z0-9_]+)*[._]\*\Z")
_MALFORMED = (
    "Use lower-case letters, digits and _ in words joined by dots or dashes, beginning with a letter, "
    "such as 'user_events'."
)


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
    if not isinstance(endpoint, str) or not _is_endpoint(endpoint):
        problems["endpoint"] = [_MALFORMED]
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


def _is_endpoint(name: str) -> bool:
    return len(name) <= MAX_ENDPOINT and _ENDPOINT.match(name) is not None


def matches_filter(
    filter_: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[bool, list[dict[str, Any]]]:
    """Whether every value that the filter names is the same in `facts` (`triggers.comparing.same`), and what was seen.

    Keys may be dotted (`{"user.plan": "pro"}`) or nested (`{"user": {"plan": "pro"}}`). The trace has the shape of
    that of conditions: `{"path", "field", "operator", "expected", "actual", "met", "note"}`.
    A missing field does not match.
    """
    trace = [_compare(path, expected, facts) for path, expected in _leaves(filter_)]
    return all(leaf["met"] for leaf in trace), trace


def _compare(path: str, expected: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    actual = paths.find(facts, tuple(path.split(".")))
    missing = actual is paths.MISSING
    return {
        "path": f"filter.{path}",
        "field": path,
        "operator": "equals",
        "expected": expected,
        "actual": None if missing else actual,
        "met": not missing and comparing.same(actual, expected),
        "note": "The field is missing." if missing else None,
    }


def _leaves(filter_: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, expected in filter_.items():
        path = f"{prefix}{key}"
        if isinstance(expected, dict) and expected:
            yield from _leaves(expected, f"{path}.")
        else:
            yield path, expected


class CustomSource(Source):
    trigger_type = "custom"
    label = "Custom event"
    description = "Runs when a program sends an event to this endpoint, over REST or in code."
    config_schema = {
        "type": "object",
        "properties": {
            "endpoint": {
                "type": "string",
                "title": "Endpoint",
                "description": "The name that programs send events to, such as user_events; orders.* hears every name "
                "that begins with orders.",
                "minLength": 1,
                "maxLength": MAX_ENDPOINT,
            },
            "filter": {
                "type": "object",
                "title": "Filter",
                "description": "Only events whose data has these values: a name or dotted path, and what it must be.",
                "maxProperties": 50,
                "default": {},
            },
        },
        "required": ["endpoint"],
        "additionalProperties": False,
    }

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        problems: Problems = {}
        if problem := _endpoint_problem(config["endpoint"]):
            problems["endpoint"] = [problem]
        for path, _ in _leaves(config.get("filter", {})):
            try:
                paths.split(path)
            except ValueError as error:
                problems.setdefault(f"filter.{path}"[: paths.MAX_LENGTH], []).append(str(error))
        return problems

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return str(config["endpoint"])

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"custom: {event_type or config.get('endpoint', '?')}"

    def payload_schema(self, config: Config) -> dict[str, Any]:
        kind = event_types.find(config.get("endpoint", ""))
        if kind:
            return kind.schema
        return {
            "type": "object",
            "properties": {"endpoint": {"type": "string"}, "data": {"type": "object"}},
        }

    def payload_of(self, config: Config, given: dict[str, Any]) -> dict[str, Any]:
        """Both the whole payload and the bare data are understood."""
        if event_types.find(config["endpoint"]) or isinstance(given.get("data"), dict):
            return given
        return {"endpoint": config["endpoint"], "data": given}

    def sample_type(self, config: Config) -> str:
        return str(config["endpoint"]).replace("*", "sample")

    def sample(self, config: Config) -> dict[str, Any]:
        """Data that the filter lets pass."""
        kind = event_types.find(config["endpoint"])
        if kind:
            return kind.sample
        endpoint = self.sample_type(config)
        return {"endpoint": endpoint, "data": _nested(config.get("filter", {}))}


def _endpoint_problem(name: str) -> str | None:
    """What is wrong with the endpoint that a trigger names."""
    if _WILDCARD.match(name):
        taken = (kind for kind in event_types.registry if name in heard_by(kind))
        own = next((one for one in taken if event_types.registry.get(one).reserved), None)
        if own is None:
            return None
        return (
            f"It would hear {own!r} too, a built-in event. Use the trigger type 'event' for that."
        )
    if not _is_endpoint(name):
        return _MALFORMED
    kind = event_types.find(name)
    if kind and kind.reserved:
        return f"{kind.name!r} is a built-in event. Use the trigger type 'event' for it."
    return None


def _nested(filter_: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest data that has what the filter asks for; paths into lists are left out."""
    data: dict[str, Any] = {}
    for path, expected in _leaves(filter_):
        *parents, last = paths.split(path.removeprefix("data."))
        inner = data
        for name in parents:
            child = inner.setdefault(name, {})
            inner = child if isinstance(child, dict) else {}
        inner.setdefault(last, expected)
    return data


register(CustomSource())
