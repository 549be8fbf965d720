"""What becomes of a model's answer before anybody sees it: only what a draft may have, names that are free, and a
person before each step that reaches people outside.
"""

from __future__ import annotations

from typing import Any

from agents import actions
from agents.actions import Effect
from agents.models import Agent
from config.lib import json
from crm.models import Membership, Workspace
from executions.drafting import checking
from triggers.models import Trigger

_LONGEST_NAME = 240
_STEP = ("action", "params", "on_error", "needs_approval")
NEVER = ("enabled", "is_active", "status", "activate")  # switching on is a person's click


def shaped(value: dict[str, Any], workspace: Workspace) -> tuple[dict[str, Any], list[str]]:
    """The draft, `{"agent", "trigger"}`, and warnings."""
    warnings: list[str] = []
    agent = _only(value.get("agent"), checking.AGENT, "agent", warnings)
    trigger = _only(value.get("trigger"), checking.TRIGGER, "trigger", warnings)
    agent["name"] = _free_name(agent.get("name"), Agent.objects.filter(workspace=workspace))
    visible = Trigger.objects.visible().filter(workspace=workspace)
    trigger["name"] = _free_name(trigger.get("name") or agent["name"], visible)
    trigger.setdefault("conditions", {})
    trigger.setdefault("input_mapping", {})
    inside = addresses_inside(workspace)
    for key in ("steps", "tools"):
        if isinstance(agent.get(key), list):
            agent[key] = [
                _entry(entry, f"{key}[{n}]", inside, warnings) for n, entry in enumerate(agent[key])
            ]
    return {"agent": agent, "trigger": trigger}, warnings


def addresses_inside(workspace: Workspace) -> frozenset[str]:
    """E-mail addresses of the workspace's people, in small letters."""
    members = Membership.objects.filter(workspace=workspace).exclude(user__email="")
    return frozenset(email.casefold() for email in members.values_list("user__email", flat=True))


def _only(given: Any, names: tuple[str, ...], part: str, warnings: list[str]) -> dict[str, Any]:
    fields = json.sanitise(given) if isinstance(given, dict) else {}
    for name in fields.keys() - set(names):
        why = "a draft is never switched on" if name in NEVER else f"an {part} has no such field"
        warnings.append(
            f"{part}.{name[:50]} was left out: {why.replace('an trigger', 'a trigger')}."
        )
    empty: tuple[Any, ...] = (None, "", [])
    return {name: fields[name] for name in names if name in fields and fields[name] not in empty}


def _free_name(given: Any, rows: Any) -> str:
    """The name itself, or with the first number that nobody has."""
    text = " ".join(str(given or "").split())
    name = "".join(letter for letter in text if letter.isprintable())[:_LONGEST_NAME] or "Draft"
    taken = set(rows.filter(name__startswith=name).values_list("name", flat=True))
    numbers = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return next(one for one in (name, *numbers) if one not in taken)


def _entry(given: Any, path: str, inside: frozenset[str], warnings: list[str]) -> Any:
    """A step or a tool. `free`, by which a model may choose whom it reaches, is a person's to give."""
    entry = {"action": given} if isinstance(given, str) else given
    if not isinstance(entry, dict):
        return given
    entry = {name: entry[name] for name in _STEP if name in entry}
    if reaches_outside(entry, inside) and entry.get("needs_approval") is not True:
        entry["needs_approval"] = True
        warnings.append(
            f"agent.{path}: It reaches people or systems outside, so a person approves each use. "
            "Take that away where it may go by itself."
        )
    return entry


def reaches_outside(entry: dict[str, Any], inside: frozenset[str]) -> bool:
    """Whether it does something outside that cannot be taken back; mail to the workspace's own people is inside."""
    name, params = entry.get("action"), entry.get("params")
    if not isinstance(name, str) or name not in actions.registry:
        return False
    action, params = actions.registry.get(name), params if isinstance(params, dict) else {}
    if action.effect is not Effect.OUTSIDE:
        return False
    if action.effect_of and params.get("idempotent") is not True:
        return action.effect_of(params) is Effect.OUTSIDE
    recipients = str(params.get("to", "")).casefold().split(",")
    return not all(one.strip() in inside for one in recipients)
