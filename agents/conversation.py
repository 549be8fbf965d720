"""An agent that a language model drives: turn by turn, the model answers or asks for tools, until it has an answer.

Every turn and every use of a tool is a step of the journal, numbered in the order in which they come. A pass that goes
on after a crash, a wait or a retry reads what was said from the journal and so comes to the same place by the same
path; what a finished tool has done is not done again.

The event's data is told as data, apart from the instructions, in which «contact.email» stands where a variable stood.
What a tool's action needs to reach somebody comes from the agent's configuration or from the event's own records, see
`agents.tools`. A tool that fails tells the model so; what is worth another try is left to the run's next attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from cryptography.fernet import InvalidToken

from agents import llm, mcp, mcp_tools, templating, tools
from agents.actions import Action, ActionFailed, Effect, InDoubt, Scene
from agents.llm import Message, Question
from agents.mcp.connections import Connections
from agents.mcp_tools import ServerTool
from agents.models import McpServer
from agents.plans import Journal, Plan, Recorded, scene
from agents.tools import Allowed
from config.lib import json
from config.lib.threads import in_thread

TURN = "model"  # the kind of a step in which the model speaks
MAX_RESULT = 20_000  # bytes of a tool's result that the model reads
MAX_CALLS = 20  # in one turn
TOLD = ("contact", "deal", "form", "event", "inputs")  # roots of variables that the model reads


@dataclass(slots=True)
class _Talk:
    plan: Plan
    journal: Journal
    allowed: dict[str, Allowed | ServerTool]
    instructions: str
    messages: list[Message]
    numbers: Iterator[int]


async def converse(plan: Plan, *, journal: Journal) -> dict[str, Any]:
    """Answers `{"answer": text or object, "turns": n}`. Raises as `runner.run`."""
    servers = await in_thread(_servers, plan) if mcp_tools.servers_of(plan.tools) else []
    known = tuple(secret for server in servers for secret in mcp.secrets_of(server))
    journal.keep_secret(known)
    plan = replace(plan, secrets=(*plan.secrets, *known))
    async with Connections(servers) as connections:
        return await _converse(await _begin(plan, journal, connections))


async def _converse(talk: _Talk) -> dict[str, Any]:
    plan = talk.plan
    for turn in range(1, plan.max_turns + 1):
        said = await _turn(talk, turn)
        calls = said.get("calls") or []
        if not calls:
            return {"answer": said["value"] if plan.output_schema else said["text"], "turns": turn}
        talk.messages.append({"role": "assistant", **_in_order(said)})
        for index, call in enumerate(calls):
            talk.messages.append(await _use(talk, call) if index < MAX_CALLS else _too_many(call))
    raise ActionFailed(f"The model came to no answer within {plan.max_turns} turns.")


async def _begin(plan: Plan, journal: Journal, connections: Connections) -> _Talk:
    instructions = templating.named(plan.instructions)
    first = llm.data(_facts(plan), secrets=plan.secrets)
    for name in connections.servers:
        await connections.offered(name)
    allowed: dict[str, Allowed | ServerTool] = {
        **tools.read(plan.tools),
        **mcp_tools.usable(plan.tools, connections.servers, connections),
    }
    return _Talk(plan, journal, allowed, instructions, [first], count(1))


def _servers(plan: Plan) -> list[McpServer]:
    named = mcp_tools.servers_of(plan.tools)
    try:
        return list(McpServer.objects.filter(workspace_id=plan.workspace_id, name__in=named))
    except InvalidToken:
        raise ActionFailed(
            "The secrets of its MCP servers cannot be opened with the present FIELD_KEY."
        ) from None


def _facts(plan: Plan) -> dict[str, Any]:
    """What the model reads of the event, each record once."""
    told = {root: plan.variables[root] for root in TOLD if plan.variables.get(root)}
    for root in ("event", "inputs"):
        if isinstance(told.get(root), dict):
            rest = {
                name: value
                for name, value in told[root].items()
                if name not in TOLD and name != "_trigger_event"
            }
            told[root] = rest
    return {root: value for root, value in told.items() if value}


# --- the model speaks -----------------------------------------------------------------------------


async def _turn(talk: _Talk, turn: int) -> dict[str, Any]:
    """What the model says: `{"text", "value", "calls", "carry"?}`."""
    number = next(talk.numbers)
    recorded = talk.journal.recorded(number)
    if recorded is not None:
        return dict(recorded.output)

    async def perform(scene: Scene, _values: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await llm.ask(_question(talk, scene), tell=scene.tell)
        except llm.Unusable as error:
            scene.usage.update(error.taken)
            raise
        scene.usage.update(llm.told(answer))
        return _said(answer)

    speak = Action(TURN, "Model", "", {}, Effect.REPEATABLE, perform)
    here = scene(talk.plan, number, talk.plan.variables, journal=talk.journal)
    return dict(await talk.journal.perform(speak, here, _asked(talk, turn)))


def _question(talk: _Talk, scene: Scene) -> Question:
    return Question(
        workspace_id=scene.workspace_id,
        model=scene.model,
        instructions=talk.instructions,
        messages=talk.messages,
        tools=[one.offered() for one in talk.allowed.values()],
        schema=talk.plan.output_schema,
        secrets=scene.secrets,
        meter=scene.meter,
    )


def _asked(talk: _Talk, turn: int) -> dict[str, Any]:
    """The prompt as the journal keeps it; what was said before stands in the steps before."""
    asked: dict[str, Any] = {"model": talk.plan.model, "turn": turn}
    if turn == 1:
        asked |= {
            "instructions": talk.instructions,
            "data": talk.messages[0]["data"],
            "tools": list(talk.allowed),
        }
    return asked


def _said(answer: llm.Answer) -> dict[str, Any]:
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments, "problem": call.problem}
        for call in answer.calls
    ]
    said = {"text": answer.text, "value": answer.value, "calls": calls}
    return {**said, "carry": answer.carry} if answer.carry else said


# --- a tool is used -------------------------------------------------------------------------------


async def _use(talk: _Talk, call: dict[str, Any]) -> Message:
    number = next(talk.numbers)
    recorded = talk.journal.recorded(number)
    if recorded is None:
        recorded = await _perform(talk, number, call)
    content: dict[str, Any] = (
        {"error": recorded.error} if recorded.error else {"result": recorded.output}
    )
    told = _in_order(json.sanitise(content, max_bytes=MAX_RESULT))
    return {"role": "tool", "id": call["id"], "name": call["name"], "content": told}


def _in_order(value: Any) -> Any:
    """The same on every pass: the journal does not keep the order of names."""
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def _too_many(call: dict[str, Any]) -> Message:
    told = {"error": f"At most {MAX_CALLS} tools are used in one turn."}
    return {"role": "tool", "id": call["id"], "name": call["name"], "content": told}


async def _perform(talk: _Talk, number: int, call: dict[str, Any]) -> Recorded:
    allowed = talk.allowed.get(call["name"])
    problem = _problem(talk, allowed, call)
    if allowed is None or problem:
        talk.journal.refuse(number, call["name"], problem)
        return Recorded(None, error=problem)
    try:
        values = _filled(talk, allowed, call)
        if _needs_person(talk, allowed):
            values = talk.journal.approved(number, allowed.action, values)
        here = scene(talk.plan, number, talk.plan.variables, journal=talk.journal)
        return Recorded(await talk.journal.perform(allowed.action, here, values))
    except templating.UnknownVariable as error:
        talk.journal.refuse(number, call["name"], str(error))
        return Recorded(None, error=str(error))
    except ActionFailed as error:
        if error.retryable or isinstance(error, InDoubt):
            raise
        return Recorded(None, error=str(error))


def _needs_person(talk: _Talk, allowed: Allowed | ServerTool) -> bool:
    """Where the agent asks for it, or the rule of two does (`agents.exposure`)."""
    is_risky = isinstance(allowed, Allowed) and allowed.is_outward and not allowed.accepts_risk
    return allowed.needs_approval or (talk.plan.is_exposed and is_risky)


def _problem(talk: _Talk, allowed: Allowed | ServerTool | None, call: dict[str, Any]) -> str:
    """Why the call is not made; the model reads it and may try again."""
    if allowed is None:
        return f"There is no tool {call['name']!r} here; there are: {', '.join(talk.allowed) or 'none'}."
    if call.get("problem"):
        return f"The arguments cannot be read: {call['problem']}"
    if problems := allowed.faults(call["arguments"]):
        return " ".join(problems)
    return ""


def _filled(talk: _Talk, allowed: Allowed | ServerTool, call: dict[str, Any]) -> dict[str, Any]:
    """What the agent fixed, its variables filled in, and what the model chose, as it is: its texts are no templates."""
    fixed = templating.render(dict(allowed.params), talk.plan.variables)
    return {**call["arguments"], **fixed}
