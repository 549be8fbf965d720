"""What the editors may suggest: the fields of events and the variables of steps, taken from the registered types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents import steps
from agents.llm import providers
from agents.models import Agent, McpServer
from crm.models import Workspace
from triggers import event_types
from triggers.models import Event, Trigger, WebhookEndpoint
from triggers.sources import webhook

Suggestion = dict[str, Any]
DEEPEST = 3
RECENT = 300  # events looked at for names of custom types; addresses offered


def fields_by_type(workspace: Workspace | None = None) -> dict[str, list[Suggestion]]:
    """`{"deal_stage_updated": [{"path": "deal.value", "label": "Value", "type": "number"}, ...]}`.

    With a workspace, also of the webhooks of its own types.
    """
    known = {name: event_types.registry.get(name).schema for name in event_types.registry}
    known |= webhook.own_schemas(workspace) if workspace else {}
    return {name: list(fields_of(schema)) for name, schema in known.items()}


def told_to() -> dict[str, str]:
    """By type of trigger that alone hears it, an event type whose fields they all have."""
    kinds = [event_types.registry.get(name) for name in event_types.registry]
    return {kind.told_to: kind.name for kind in kinds if kind.told_to}


def fields_of(schema: dict[str, Any], prefix: str = "", depth: int = 1) -> Iterator[Suggestion]:
    """Every path that the schema names, down to DEEPEST parts."""
    for name, inner in schema.get("properties", {}).items():
        kinds = [kind for kind in _kinds(inner) if kind != "null"]
        if kinds != ["object"] or not inner.get("properties"):
            label = " › ".join(
                filter(None, [schema.get("title") if prefix else "", inner.get("title", "")])
            )
            yield {
                "path": f"{prefix}{name}",
                "label": label,
                "type": kinds[0] if kinds else "",
                **_choices(inner),
            }
        if depth < DEEPEST:
            yield from fields_of(inner, f"{prefix}{name}.", depth + 1)


def _kinds(schema: dict[str, Any]) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def _choices(schema: dict[str, Any]) -> dict[str, Any]:
    return {"enum": schema["enum"]} if schema.get("enum") else {}


def event_names(workspace: Workspace) -> list[Suggestion]:
    """Registered types by group, their wildcards, and custom names that this workspace has seen lately."""
    kinds = [event_types.registry.get(name) for name in event_types.registry]
    known = [
        {"value": kind.name, "label": kind.label, "group": kind.group}
        for kind in kinds
        if kind.source != "manual" and not kind.told_to
    ]
    roots = dict.fromkeys(kind.name.split(".")[0] for kind in kinds if "." in kind.name)
    wild = [
        {"value": f"{root}.*", "label": f"Every event of {root}", "group": "Wildcards"}
        for root in roots
    ]
    recent = (
        Event.objects.filter(workspace=workspace)
        .order_by("-id")
        .values_list("type", flat=True)[:RECENT]
    )
    custom = [
        {"value": name, "label": name, "group": "Custom, seen lately"}
        for name in sorted(set(recent))
        if name not in event_types.registry
    ]
    return [*known, *wild, *custom]


def endpoints(workspace: Workspace) -> list[Suggestion]:
    named = Trigger.objects.filter(workspace=workspace, trigger_type="custom").values_list(
        "config__endpoint", flat=True
    )[:RECENT]
    return [
        {"value": name, "label": "used by a trigger"}
        for name in sorted({name for name in named if name})
    ]


def agents(workspace: Workspace) -> list[Suggestion]:
    rows = Agent.objects.filter(workspace=workspace).order_by("name")
    return [{"value": str(pk), "label": name} for pk, name in rows.values_list("pk", "name")]


def models(workspace: Workspace | None) -> list[str]:
    """Language models that the workspace names somewhere."""
    named = set(Agent.objects.filter(workspace=workspace).values_list("model", flat=True)[:RECENT])
    default = workspace.default_model if workspace else ""
    return sorted({*named, default, providers.RULES} - {""})


def mcp_servers(workspace: Workspace) -> list[Suggestion]:
    names = McpServer.objects.filter(workspace=workspace).values_list("name", "url")[:RECENT]
    return [{"value": name, "label": url or "a command"} for name, url in names]


def webhooks(workspace: Workspace, *, but: Any) -> list[Suggestion]:
    """The triggers whose address another one can share."""
    rows = WebhookEndpoint.objects.filter(workspace=workspace).exclude(trigger_id=but)
    found = rows.order_by("trigger__name").values_list("trigger_id", "trigger__name")
    return [{"value": str(pk), "label": name} for pk, name in found[:RECENT]]


def json_paths(workspace: Workspace | None = None) -> list[Suggestion]:
    """For input mappings: `$.deal.value`."""
    known = fields_by_type(workspace).values()
    seen = {field["path"]: field["label"] for fields in known for field in fields}
    return [{"value": f"$.{path}", "label": label} for path, label in sorted(seen.items())]


def variables(workspace: Workspace | None, agent: Agent | None) -> list[dict[str, Any]]:
    """Groups for the picker: `[{"label": "Contact", "options": [{"value": "@contact.email", "label": "E-mail"}]}]`."""
    labels = {
        field["path"]: field["label"] for fields in fields_by_type().values() for field in fields
    }
    groups = [
        _group(root, [f"{root}.{name}" for name in names], labels)
        for root, names in steps.KNOWN.items()
    ]
    tops = [path for path in labels if path.split(".")[0] not in steps.KNOWN and "." not in path]
    event = _group(
        "event",
        [f"event.{name}" for name in ["id", "type", "timestamp", *sorted(tops)]],
        {f"event.{path}": labels[path] for path in tops},
    )
    inputs = _group("inputs", [f"inputs.{name}" for name in input_names(agent)], {})
    return [
        group
        for group in (groups[0], groups[1], inputs, groups[2], event, *groups[3:])
        if group["options"]
    ]


def _group(root: str, paths: list[str], labels: dict[str, str]) -> dict[str, Any]:
    return {
        "label": root.capitalize(),
        "options": [{"value": f"@{path}", "label": labels.get(path, "")} for path in paths],
    }


def input_names(agent: Agent | None) -> list[str]:
    """What the agent's triggers give it."""
    if agent is None or agent._state.adding:
        return []
    given = Trigger.objects.filter(agent=agent).values_list("default_inputs", "input_mapping")
    return sorted(
        {name for pair in given for values in pair if isinstance(values, dict) for name in values}
    )
