"""Tools of MCP servers among the tools of an agent, each allowed by name:

    {"mcp": "our-search", "tool": "search", "params": {"index": "public"}, "free": ["text"], "needs_approval": false}

`params` are fixed and the model does not see them. Nobody can know here whom such a tool reaches, so `free` narrows:
where it is given, the model fills these arguments and no other. For the same reason a person approves each use, unless
the entry says `"needs_approval": false`, or the server is trusted and says of the tool that it only reads. A use is an
outside step; of a trusted server, one that only reads or may be repeated is repeatable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from agents import templating
from agents.actions import Action, Effect, Scene
from agents.llm import Tool, schemas
from agents.mcp import is_fresh, offers
from agents.mcp.connections import Connections
from agents.models import McpServer
from agents.steps import KNOWN
from config.lib.problems import path_of
from config.lib.registry import closest

NAMES = ("mcp", "tool", "params", "free", "needs_approval")
MAX_KIND = 50  # of a step in the journal

Faults = Iterator[tuple[str, str]]
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServerTool:
    """Such a tool as a run uses it; beside `agents.tools.Allowed`."""

    action: Action
    name: str  # as the model knows it
    params: Mapping[str, Any] = field(default_factory=dict)
    free: tuple[str, ...] | None = None
    needs_approval: bool = True

    def offered(self) -> Tool:
        """What the model is told of it."""
        schema, names = self.action.schema, self._open()
        told = {
            **schema,
            "properties": {name: schema["properties"][name] for name in names},
            "required": [name for name in schema.get("required", ()) if name in names],
        }
        return Tool(self.name, self.action.description, told)

    def faults(self, arguments: dict[str, Any]) -> list[str]:
        """What is wrong with what a model filled in, in words for it."""
        offered = self._open()
        strange = [name for name in arguments if name not in offered and not self._takes_more()]
        if strange or (hidden := [name for name in arguments if name in self.params]):
            return [f"{name} is not yours to fill in." for name in strange or hidden]
        return _faults(self.action.schema, {**arguments, **self.params}, is_whole=True)

    def _open(self) -> list[str]:
        """The arguments that the model may fill."""
        return [
            name
            for name in self.action.schema.get("properties", {})
            if name not in self.params and (self.free is None or name in self.free)
        ]

    def _takes_more(self) -> bool:
        """Whether its schema says that names may come which it does not list."""
        return self.free is None and bool(self.action.schema.get("additionalProperties"))


def is_of_server(entry: Any) -> bool:
    return isinstance(entry, dict) and ("mcp" in entry or "tool" in entry)


def kind(server: str, tool: str) -> str:
    """Under which name the journal keeps its uses: no other tool's, however long both names are."""
    plain = f"mcp:{server}/{tool}"
    if len(plain) <= MAX_KIND:
        return plain
    mark = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: MAX_KIND - 9]}~{mark}"


def servers_of(entries: Iterable[Any]) -> list[str]:
    """The names of servers that the tools of an agent name."""
    named = (str(entry.get("mcp", "")) for entry in entries if is_of_server(entry))
    return list(dict.fromkeys(named))


def usable(
    entries: Iterable[Any], servers: Mapping[str, McpServer], connections: Connections | None = None
) -> dict[str, ServerTool]:
    """The tools by the names that models use. What its server does not offer, or offers in no usable way, is left
    out. Without `connections` they can be described and not used.
    """
    found: dict[str, ServerTool] = {}
    for entry in entries:
        server = servers.get(str(entry.get("mcp"))) if is_of_server(entry) else None
        offer = offers.find(server.tools, str(entry.get("tool"))) if server else None
        if server is not None and offer is not None and not offer["problem"]:
            one = _usable(entry, server, offer, connections)
            found[one.name] = one
    return found


def _usable(
    entry: Entry, server: McpServer, offer: offers.Offer, connections: Connections | None
) -> ServerTool:
    trusted = server.trusts_hints
    free = entry.get("free")
    return ServerTool(
        _action(server, offer, connections),
        offers.wire_name(server.name, offer["name"]),
        entry.get("params") or {},
        None if free is None else tuple(free),
        bool(entry.get("needs_approval", not (trusted and offer["read_only"]))),
    )


def _action(server: McpServer, offer: offers.Offer, connections: Connections | None) -> Action:
    repeatable = server.trusts_hints and (offer["read_only"] or offer["idempotent"])
    name, tool = server.name, offer["name"]

    async def perform(_scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
        assert connections is not None
        return await connections.use(name, tool, values, repeatable=repeatable)

    return Action(
        kind(name, tool),
        offer["title"] or tool,
        f"From the server {name}: {offer['description']}".removesuffix(": "),
        {"properties": {}, **offer["schema"]},
        Effect.REPEATABLE if repeatable else Effect.OUTSIDE,
        perform,
        icon="extension",
    )


# --- on save --------------------------------------------------------------------------------------


def check(entry: dict[str, Any], *, servers: Mapping[str, McpServer], seen: set[str]) -> Faults:
    """(path inside the entry, message) pairs."""
    for name in entry.keys() - set(NAMES):
        meant = closest(str(name), NAMES)
        yield f".{name}", f"Unknown field.{f' Did you mean {meant!r}?' if meant else ''}"
    yield from _of_shape(entry)
    server = servers.get(str(entry.get("mcp")))
    if server is None:
        yield ".mcp", _no_server(entry.get("mcp"), servers)
        return
    tool = entry.get("tool")
    if not isinstance(tool, str) or not tool.strip() or tool == "*":
        yield ".tool", "Name one tool; each is allowed by itself."
        return
    name = offers.wire_name(server.name, tool)
    if name in seen:
        yield ".tool", f"{tool[:50]} is in the list already."
    seen.add(name)
    offer = offers.find(server.tools, tool)
    if offer is None:
        yield from _not_offered(server, tool)
    elif offer["problem"]:
        yield ".tool", f"A model cannot use it. {offer['problem']}"
    else:
        yield from _of_params(entry, offer)


def _no_server(name: Any, servers: Mapping[str, McpServer]) -> str:
    if not name:
        return "Say which MCP server."
    meant = closest(str(name), servers)
    hint = f" Did you mean {meant!r}?" if meant else ""
    known = f" There are: {', '.join(sorted(servers)[:20])}." if servers else ""
    return f"This workspace has no MCP server {str(name)[:50]!r}.{hint}{known}"


def _not_offered(server: McpServer, tool: str) -> Faults:
    """Nothing where the server could not be asked: whether it has the tool a run will show."""
    if is_fresh(server):
        known = [one["name"] for one in server.tools]
        meant = closest(tool, known)
        hint = f" Did you mean {meant!r}?" if meant else ""
        yield ".tool", f"{server} offers no {tool[:50]!r}.{hint} It has: {', '.join(known[:30])}."


def _of_shape(entry: dict[str, Any]) -> Faults:
    if not isinstance(entry.get("needs_approval", False), bool):
        yield ".needs_approval", "Say true or false."
    if not isinstance(entry.get("params") or {}, dict):
        yield ".params", "Give an object."
    free = entry.get("free")
    if free is not None and not (
        isinstance(free, list) and all(isinstance(name, str) for name in free)
    ):
        yield ".free", "Give a list of names."


def _of_params(entry: dict[str, Any], offer: offers.Offer) -> Faults:
    fixed, free = entry.get("params") or {}, entry.get("free")
    if not isinstance(fixed, dict) or not isinstance(free, list | None):
        return
    schema = offer["schema"]
    known = list(schema.get("properties", {}))
    for index, name in enumerate(free or ()):
        if name not in known:
            said = f"{offer['name']} has no {str(name)[:50]!r}. It has: {', '.join(known)}."
            yield f".free[{index}]", said
    for name in schema.get("required", ()):
        if free is not None and name not in free and name not in fixed:
            yield f".params.{name}", f"Say the {name} here, or list it in free."
    for message in _faults(schema, fixed, is_whole=False):
        yield ".params", message
    for problem in templating.problems(fixed, known=KNOWN, step=1, path=".params"):
        hint = f" Did you mean {problem.suggestion}?" if problem.suggestion else ""
        yield problem.path, f"{problem.message}{hint}"


def _faults(schema: dict[str, Any], values: dict[str, Any], *, is_whole: bool) -> list[str]:
    """`is_whole`: nothing else will come. A text with variables may become anything."""
    return [
        f"{path_of(error.instance_path) or 'It'}: {error.message[:300]}"
        for error in schemas.validator(schema).iter_errors(values)
        if not _is_variable(values, error.instance_path)
        and (is_whole or not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required))
    ]


def _is_variable(value: Any, path: list[str | int]) -> bool:
    for part in path:
        value = value[part]
    return isinstance(value, str) and bool(templating.variables_in(value))


# --- what people are told -------------------------------------------------------------------------


def problem_of(entries: Iterable[Any], servers: Mapping[str, McpServer]) -> str:
    """Why some of an agent's tools cannot be used as things are; empty where nothing is known. Rows may be light."""
    for name in servers_of(entries):
        if name not in servers:
            return f"Its tools name the MCP server {name!r}, which is not there any more."
        if error := servers[name].last_error:
            return f"The MCP server {name} could not be asked when it was asked last. {error}"
    return ""


def faults_of_use(
    step_kind: str, values: dict[str, Any], tools: Mapping[str, ServerTool]
) -> list[str] | None:
    """What is wrong with the params of a step of that kind; None where there is no such tool any more."""
    tool = next((one for one in tools.values() if one.action.name == step_kind), None)
    return None if tool is None else _faults(tool.action.schema, values, is_whole=True)
