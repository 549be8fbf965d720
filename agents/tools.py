"""The tools of an agent that a language model drives: actions, each allowed by name.

    ["create_note", {"action": "send_email", "params": {"to": "sales@acme.example"}, "needs_approval": true}]

`params` are fixed by the agent, with variables as in a step; the model neither sees nor changes them. What decides
whom an action reaches (`x-guarded` in its schema: recipients, addresses, ids) the model never fills, unless the agent
lists it in `free`; left out, the event's own records are meant. `needs_approval`: a person decides about each use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents import actions, steps
from agents.actions import Action
from agents.llm import ANSWER, Tool
from config.lib.registry import closest
from crm.models import Workspace

MAX_TOOLS = 50
NAMES = ("action", "params", "free", "needs_approval")
# An action that asks a model, or that waits, is none that a model needs.
NOT_FOR_MODELS = ("ask_model",)

Faults = Iterator[tuple[str, str]]  # (path inside the tools, message)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A tool as a run uses it."""

    action: Action
    params: Mapping[str, Any] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    needs_approval: bool = False

    @property
    def name(self) -> str:
        return self.action.name

    def offered(self) -> Tool:
        """What the model is told of it."""
        names = self._open()
        properties = {name: _plain(self.action.schema["properties"][name]) for name in names}
        required = [name for name in self.action.schema.get("required", ()) if name in names]
        schema = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        return Tool(self.name, self.action.description, schema)

    def faults(self, arguments: dict[str, Any]) -> list[str]:
        """What is wrong with what a model filled in, in words for it."""
        offered = self._open()
        if strange := [name for name in arguments if name not in offered]:
            return [f"{name} is not yours to fill in." for name in strange]
        return steps.faults_of_arguments(self.action, {**arguments, **self.params})

    def _open(self) -> list[str]:
        """The params that the model may fill."""
        return [
            name
            for name, schema in self.action.schema.get("properties", {}).items()
            if name not in self.params and (name in self.free or not schema.get("x-guarded"))
        ]


def read(entries: Sequence[Any]) -> dict[str, Allowed]:
    """The tools by name. Entries of actions that are gone are left out."""
    found: dict[str, Allowed] = {}
    for entry in entries:
        given: dict[str, Any] = {"action": entry} if isinstance(entry, str) else entry
        name = given.get("action", "")
        if name in actions.registry:
            found[name] = Allowed(
                actions.registry.get(name),
                given.get("params") or {},
                tuple(given.get("free") or ()),
                bool(given.get("needs_approval")),
            )
    return found


def written_out(entries: Sequence[Any]) -> list[Any]:
    """Checked entries in one form: a name alone where there is no more to say."""
    return [_written(entry) for entry in entries]


def _written(entry: Any) -> Any:
    if isinstance(entry, str):
        return entry.strip()
    kept = {name: entry[name] for name in NAMES if entry.get(name)}
    return kept["action"] if list(kept) == ["action"] else kept


def check(entries: Any, *, workspace: Workspace) -> Faults:
    if not isinstance(entries, list) or len(entries) > MAX_TOOLS:
        yield "", f"Give a list of at most {MAX_TOOLS} tools."
        return
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        given = {"action": entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict):
            yield (
                f"[{index}]",
                'Give the name of an action, or an object such as {"action": "send_email", ...}.',
            )
            continue
        for path, message in _of_entry(given, workspace, seen):
            yield f"[{index}]{path}", message


def _of_entry(given: dict[str, Any], workspace: Workspace, seen: set[str]) -> Faults:
    for name in given.keys() - set(NAMES):
        meant = closest(str(name), NAMES)
        yield f".{name}", f"Unknown field.{f' Did you mean {meant!r}?' if meant else ''}"
    action = steps.find_action(given.get("action"))
    if isinstance(action, str):
        yield ".action", action
        return
    if action.name in NOT_FOR_MODELS or action.name == ANSWER:
        yield ".action", f"{action.name} is no tool for a model."
        return
    if action.name in seen:
        yield ".action", f"{action.name} is in the list already."
        return
    seen.add(action.name)
    yield from _of_shape(given, action)
    if isinstance(given.get("params") or {}, dict):
        yield from _of_params(given, action, workspace)


def _of_shape(given: dict[str, Any], action: Action) -> Faults:
    if not isinstance(given.get("needs_approval", False), bool):
        yield ".needs_approval", "Say true or false."
    if not isinstance(given.get("params") or {}, dict):
        yield ".params", "Give an object."
    known = list(action.schema.get("properties", {}))
    free = given.get("free") or []
    if not isinstance(free, list):
        yield ".free", "Give a list of names."
        return
    for index, name in enumerate(free):
        if name not in known:
            yield (
                f".free[{index}]",
                f"{action.name} has no {str(name)[:50]!r}. It has: {', '.join(known)}.",
            )


def _of_params(given: dict[str, Any], action: Action, workspace: Workspace) -> Faults:
    fixed = given.get("params") or {}
    known = action.schema.get("properties", {})
    for name in action.schema.get("required", ()):
        is_guarded = known[name].get("x-guarded") and name not in (given.get("free") or ())
        if is_guarded and name not in fixed:
            yield (
                f".params.{name}",
                f"Say the {name} here, or let the model choose it: list it in free.",
            )
    yield from steps.faults_of_params(action, fixed, workspace)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what only our own editors read."""
    return {name: value for name, value in schema.items() if not name.startswith("x-")}
