"""The rule of two: an agent that a language model drives may read text of strangers, see private records, and reach
others outside, but not all three without a person (Meta, "Agents Rule of Two"; docs/models.md says what counts).

Whoever writes to such an agent could talk it into sending away what it knows. So where all three hold, a use of a tool
that reaches outside waits for a person, unless the agent says at the tool that it accepts the risk
(`"needs_approval": false`); fixed steps are only warned of. What an agent hears is known to those above: they answer
`agents.signals.hearing_asked`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents import actions, mcp_tools, signals, templating, tools
from agents.models import Agent


@dataclass(frozen=True, slots=True)
class Heard:
    """What reaches an agent: `strangers`, the names of triggers that bring text written outside; `sees_records`:
    contacts and deals come with its events.
    """

    strangers: tuple[str, ...] = ()
    sees_records: bool = False


def warnings_of(agents: Sequence[Agent]) -> dict[uuid.UUID, str]:
    """By agent: what to think of, in a few sentences; empty where nothing is. One signal for all: one query."""
    acting = [agent for agent in agents if _reaching(agent)]
    heard: dict[uuid.UUID, Heard] = {}
    if acting:
        answers: list[Any] = signals.hearing_asked.send(Agent, agents=acting)
        for _receiver, found in answers:
            heard |= found
    return {agent.pk: _warning(agent, heard.get(agent.pk, Heard())) for agent in agents}


def warning_of(agent: Agent) -> str:
    return warnings_of([agent])[agent.pk]


def sees_private(entries: Sequence[Any]) -> bool:
    """Whether tools may read what is nobody else's: those of other servers, and requests, which may carry a key."""
    of_servers = any(mcp_tools.is_of_server(entry) for entry in entries)
    return of_servers or any(tool.reaches for tool in tools.read(entries).values())


def _warning(agent: Agent, heard: Heard) -> str:
    reaching = _reaching(agent)
    private = heard.sees_records or sees_private(agent.tools)
    if not (reaching and private and heard.strangers):
        return ""
    brings = ", ".join(f"“{name}”" for name in heard.strangers[:3])
    said = (
        f"It reads what strangers write ({brings}), sees private records, and reaches others outside "
        f"({', '.join(reaching)}): whoever writes to it could make it send away what it knows."
    )
    if not agent.is_talk:
        return f"{said} Let a person approve that: needs_approval."
    asks = [name for name, accepted in reaching.items() if not accepted]
    if not asks:
        return f"{said} The agent accepts that: needs_approval is false there."
    return f"{said} Each use of {', '.join(asks)} waits for a person; needs_approval: false accepts the risk."


def _reaching(agent: Agent) -> dict[str, bool]:
    """What reaches outside without an approval, by name: whether the agent says that it accepts the risk."""
    if agent.is_talk:
        return {
            tool.name: tool.accepts_risk
            for tool in tools.read(agent.tools).values()
            if tool.is_outward and not tool.needs_approval
        } | {f"{one['mcp']}/{one['tool']}": True for one in agent.tools if _is_let_loose(one)}
    if not agent.asks_models:
        return {}
    return {
        f"step {number}": False
        for number, step in enumerate(agent.steps, start=1)
        if not step.get("needs_approval") and _is_steered(step)
    }


def _is_let_loose(entry: Any) -> bool:
    """Whether a server's tool is used without a person; where that is not said, it asks one or only reads."""
    return mcp_tools.is_of_server(entry) and entry.get("needs_approval") is False


def _is_steered(step: Mapping[str, Any]) -> bool:
    """Whether an earlier step's answer says whom a step reaches, or what a request says."""
    name, params = step.get("action", ""), step.get("params") or {}
    if name not in actions.registry or not isinstance(params, dict):
        return False
    tool = tools.Allowed(actions.registry.get(name), params)
    known = tool.action.schema.get("properties", {})
    return tool.action.effect == actions.Effect.OUTSIDE and any(
        _mentions_answers(value)
        for param, value in params.items()
        if tool.reaches or known.get(param, {}).get("x-guarded")
    )


def _mentions_answers(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_mentions_answers(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_mentions_answers(inner) for inner in value)
    return isinstance(value, str) and any(
        path.startswith("steps.") for path in templating.variables_in(value)
    )
