"""What an agent may be made of. `check` says all that is wrong with what somebody wants to save, each at its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents import sealing, steps
from agents.models import DEFAULT_RESTRICTIONS
from agents.steps import Problems
from config.lib.registry import closest
from crm.models import Workspace

MAX_NAME = 255
MAX_TOOLS = 50
# The most that each limit may be; null, unlimited, is allowed but for the attempts.
CAPS = {
    "max_executions_per_minute": 10_000,
    "max_executions_per_day": 1_000_000,
    "max_concurrent": 1000,
    "max_attempts": 20,
    "timeout_seconds": 24 * 3600,
}
NEVER_UNLIMITED = ("max_attempts",)

assert CAPS.keys() == DEFAULT_RESTRICTIONS.keys()


def check(fields: Mapping[str, Any], *, workspace: Workspace, sealed: str = "") -> Problems:
    """The problems by path (`name`, `steps[0].params.title`, `restrictions.max_attempts`); empty where all is well.

    Only fields that are given are looked at; `sealed`: the secrets that the agent has (`Agent.sealed`). `model` and
    `tools` are kept for agents that a model drives and not used by steps, so nothing is known of them yet but their
    shape.
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
    return problems


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


def _tools(value: Any) -> Faults:
    if not isinstance(value, list) or len(value) > MAX_TOOLS:
        return [("", f"Give a list of at most {MAX_TOOLS} names.")]
    return [
        (f"[{index}]", "Give a name of 1 to 200 printable characters.")
        for index, tool in enumerate(value)
        if not (isinstance(tool, str) and 0 < len(tool.strip()) <= 200 and tool.isprintable())
    ]


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
            faults.append((f".{name}", f"Give a whole number from 1 to {CAPS[name]}{unlimited}."))
    return faults


def _is_limit(name: str, limit: Any) -> bool:
    if limit is None:
        return name not in NEVER_UNLIMITED
    return isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= CAPS[name]


_PLAIN: dict[str, Callable[[Any], Faults]] = {
    "name": _name,
    "description": _text(5000),
    "instructions": _text(50_000),
    "model": _text(200),
    "tools": _tools,
    "restrictions": _restrictions,
}
