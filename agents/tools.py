"""The tools of an agent that a language model drives: actions, each allowed by name.

    ["create_note", {"action": "send_email", "params": {"to": "sales@acme.example"}, "needs_approval": true}]

`params` are fixed by the agent, with variables as in a step; the model neither sees nor changes them. What decides
whom an action reaches (`x-guarded` in its schema: recipients, addresses, ids) the model never fills, unless the agent
lists it in `free`; left out, the event's own records are meant. `needs_approval`: a person decides about each use;
false, in so many words: nobody does, whatever the rule of two says (`agents.exposure`).
Tools of MCP servers stand in the same list, see `agents.mcp_tools`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents import actions, mcp_tools, steps
from agents.actions import Action
from agents.llm import ANSWER, Tool
from agents.mcp import trial
from agents.models import Agent, McpServer
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
    accepts_risk: bool = False  # `needs_approval` is false, in so many words

    @property
    def reaches(self) -> bool:
        """Whether a use changes or tells something outside, whomever it reaches."""
        if self.action.effect != actions.Effect.OUTSIDE:
            return False
        if self.action.reaches:
            return self.action.reaches(self.params)
        return not self._guarded()

    @property
    def is_outward(self) -> bool:
        """The same, or whether the model chooses whom it reaches."""
        is_outside = self.action.effect == actions.Effect.OUTSIDE
        return is_outside and (self.reaches or any(name in self.free for name in self._guarded()))

    def _guarded(self) -> list[str]:
        known = self.action.schema.get("properties", {})
        return [name for name, schema in known.items() if schema.get("x-guarded")]

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
    """The actions by name. Entries of actions that are gone are left out, and those of MCP servers."""
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
                given.get("needs_approval") is False,
            )
    return found


def written_out(entries: Sequence[Any]) -> list[Any]:
    """Checked entries in one form: a name alone where there is no more to say."""
    return [_written(entry) for entry in entries]


def _written(entry: Any) -> Any:
    if isinstance(entry, str):
        return entry.strip()
    if mcp_tools.is_of_server(
        entry
    ):  # there, what is left out is not the same as what is false or empty
        return {name: entry[name] for name in mcp_tools.NAMES if entry.get(name) is not None}
    kept = {name: entry[name] for name in NAMES if entry.get(name)}
    if entry.get("needs_approval") is False:
        kept["needs_approval"] = False  # says more than nothing, see `agents.exposure`
    return kept["action"] if list(kept) == ["action"] else kept


def check(entries: Any, *, workspace: Workspace) -> Faults:
    if not isinstance(entries, list) or len(entries) > MAX_TOOLS:
        yield "", f"Give a list of at most {MAX_TOOLS} tools."
        return
    seen: set[str] = set()
    servers = servers_of(workspace, entries)
    for index, entry in enumerate(entries):
        given = {"action": entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict):
            yield (
                f"[{index}]",
                'Give the name of an action, or an object such as {"action": "send_email", ...}.',
            )
            continue
        faults = (
            mcp_tools.check(given, servers=servers, seen=seen)
            if mcp_tools.is_of_server(given)
            else _of_entry(given, workspace, seen)
        )
        for path, message in faults:
            yield f"[{index}]{path}", message


def servers_of(workspace: Workspace, entries: Sequence[Any]) -> dict[str, McpServer]:
    """The MCP servers of the workspace by name, where some of the tools are of one. One query then."""
    if not any(map(mcp_tools.is_of_server, entries)):
        return {}
    rows = McpServer.objects.filter(workspace=workspace).defer("headers", "env")
    return {row.name: row for row in rows}


def labels(entries: Sequence[Any]) -> list[str]:
    """The tools as people read them."""
    of_servers = [
        f"{one.get('mcp')}: {one.get('tool')}" for one in entries if mcp_tools.is_of_server(one)
    ]
    return [*(one.action.label for one in read(entries).values()), *of_servers]


def problem_of_agent(agent: Agent) -> str:
    """Why tools of MCP servers cannot be used as things are. One query where it has such tools; none where the
    workspace's were prefetched.
    """
    if not any(map(mcp_tools.is_of_server, agent.tools)):
        return ""
    known = getattr(agent.workspace, "_prefetched_objects_cache", {})
    rows = agent.workspace.mcp_servers
    found = rows.all() if "mcp_servers" in known else rows.defer(*McpServer.HEAVY)
    return mcp_tools.problem_of(agent.tools, {one.name: one for one in found})


def faults_of_use(agent: Agent | None, kind: str, values: dict[str, Any]) -> list[str] | None:
    """What is wrong with the params of a step of that kind, in words; None where the agent has none such."""
    if kind in actions.registry:
        return steps.faults_of_arguments(actions.registry.get(kind), values)
    if agent is None:
        return None
    servers = servers_of(agent.workspace, agent.tools)
    return mcp_tools.faults_of_use(kind, values, mcp_tools.usable(agent.tools, servers))


def ask_servers(workspace: Workspace, entries: Any) -> None:
    """What the servers of these tools offer now is stored, where they answer soon. Call it outside any transaction,
    before `check`; a server that is away is no fault of an agent.
    """
    if not isinstance(entries, list) or not (named := mcp_tools.servers_of(entries[:MAX_TOOLS])):
        return
    rows = McpServer.objects.filter(
        workspace=workspace, name__in=[n for n in named if "\x00" not in n]
    )
    trial.refresh(list(rows))


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
