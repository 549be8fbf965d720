"""What an agent may be made of. `check` says all that is wrong with what somebody wants to save, each at its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents import sealing, steps, templating, tools
from agents.llm import providers, schemas
from agents.models import DEFAULT_RESTRICTIONS
from agents.steps import Problems
from config.lib.registry import closest
from crm.models import Workspace

MAX_NAME = 255
MAX_TURNS = 100
# The most that each limit may be; null, unlimited, is allowed but for the attempts.
CAPS = {
    "max_executions_per_minute": 10_000,
    "max_executions_per_day": 1_000_000,
    "max_concurrent": 1000,
    "max_attempts": 20,
    "timeout_seconds": 24 * 3600,
    "max_tokens_per_run": 1_000_000_000,
    "max_tokens_per_day": 1_000_000_000,
    "max_cost_per_run": 1_000_000,
    "max_cost_per_day": 1_000_000,
}
MONEY = ("max_cost_per_run", "max_cost_per_day")  # dollars, with cents
NEVER_UNLIMITED = ("max_attempts",)

assert CAPS.keys() == DEFAULT_RESTRICTIONS.keys()


def check(fields: Mapping[str, Any], *, workspace: Workspace, sealed: str = "") -> Problems:
    """The problems by path (`name`, `steps[0].params.title`, `restrictions.max_attempts`); empty where all is well.

    Only fields that are given are looked at; `sealed`: the secrets that the agent has (`Agent.sealed`). Whether the
    model can be asked is no matter of what is right: `agents.llm.providers.problem_of` says it.
    """
    problems: Problems = {}
    for name, faults_of in _PLAIN.items():
        if name in fields:
            for path, message in faults_of(fields[name]):
                problems.setdefault(f"{name}{path}", []).append(message)
    if "steps" in fields:
        given = fields["steps"]
        problems |= steps.check(sealing.disguised(given), workspace=workspace) or sealing.problems(
            given, sealed=sealed
        )
    if "tools" in fields:
        problems |= _of_tools(fields["tools"], workspace, sealed)
    return problems


def _of_tools(given: Any, workspace: Workspace, sealed: str) -> Problems:
    problems: Problems = {}
    for path, message in tools.check(sealing.disguised(given), workspace=workspace):
        problems.setdefault(f"tools{path}", []).append(message)
    return problems or sealing.problems(given, sealed=sealed, of="tools")


Faults = list[tuple[str, str]]  # (path inside the field, message)


def _name(value: Any) -> Faults:
    text = value.strip() if isinstance(value, str) else ""
    if 0 < len(text) <= MAX_NAME and text.isprintable():
        return []
    return [("", f"Give a name of 1 to {MAX_NAME} printable characters.")]


def _text(most: int) -> Callable[[Any], Faults]:
    def faults_of(value: Any) -> Faults:
        if isinstance(value, str) and len(value) <= most and "\x00" not in value:
            return []
        return [("", f"Give a text of at most {most} characters.")]

    return faults_of


def _instructions(value: Any) -> Faults:
    if faults := _text(50_000)(value):
        return faults
    return [
        ("", f"{one.message}{f' Did you mean {one.suggestion}?' if one.suggestion else ''}")
        for one in templating.problems(value, known=steps.KNOWN, step=1)
    ]


def _model(value: Any) -> Faults:
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        return [("", "Give a text of at most 200 printable characters.")]
    if value.strip() and providers.split(value) == ("", ""):
        return [("", f"Write provider:model, such as openai:gpt-5.6 or {providers.RULES}.")]
    return []


def _output_schema(value: Any) -> Faults:
    problem = schemas.problem_of(value) if value else ""
    return [("", problem)] if problem else []


def _max_turns(value: Any) -> Faults:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TURNS:
        return []
    return [("", f"Give a whole number from 1 to {MAX_TURNS}.")]


def _restrictions(value: Any) -> Faults:
    if not isinstance(value, dict):
        return [("", "Give an object of limits.")]
    faults: Faults = []
    for name, limit in value.items():
        if name not in CAPS:
            meant = closest(name, CAPS)
            hint = f" Did you mean {meant!r}?" if meant else f" There are: {', '.join(CAPS)}."
            faults.append((f".{name[:100]}", f"Unknown limit.{hint}"))
        elif not _is_limit(name, limit):
            unlimited = "" if name in NEVER_UNLIMITED else ", or null for unlimited"
            wanted = (
                f"a number above 0, at most {CAPS[name]}"
                if name in MONEY
                else f"a whole number from 1 to {CAPS[name]}"
            )
            faults.append((f".{name}", f"Give {wanted}{unlimited}."))
    return faults


def _is_limit(name: str, limit: Any) -> bool:
    if limit is None:
        return name not in NEVER_UNLIMITED
    if name in MONEY:
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        return is_number and 0 < limit <= CAPS[name]
    return isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= CAPS[name]


_PLAIN: dict[str, Callable[[Any], Faults]] = {
    "name": _name,
    "description": _text(5000),
    "instructions": _instructions,
    "model": _model,
    "output_schema": _output_schema,
    "max_turns": _max_turns,
    "restrictions": _restrictions,
}
