"""Variables in the texts of an agent: `Hello @contact.first_name.`

`@` starts a variable only where no word character stands before it and one of the ROOTS follows, so that
ann@contact.example stays what it is; `@@` is a plain `@`. A text that is one variable, and nothing else,
keeps the type of its value; inside other text null is empty, an object or a list is compact JSON.

Variables look values up in plain objects and lists and do nothing else: no attributes, no filters, no
calls, and what was filled in is not searched for variables again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from config.lib import json, paths
from config.lib.problems import Problem
from config.lib.registry import closest

ROOTS = ("contact", "deal", "form", "event", "inputs", "steps", "agent", "workspace")
MAX_OUTPUT = 100_000  # bytes of all that one `render` fills in; the rest reads "[truncated]"

_VARIABLE = re.compile(rf"@@|(?<!\w)@(?P<name>(?:{'|'.join(ROOTS)})(?![\w-])(?:\.\w+(?:-\w+)*)*)")
_OF_A_STEP = ("output", "error")

Known = Mapping[str, Collection[str] | None]


class UnknownVariable(LookupError):
    """This run has nothing under the name. `name` and `suggestion` come without the `@`."""

    def __init__(self, name: str, suggestion: str | None) -> None:
        hint = f" Did you mean @{suggestion}?" if suggestion else ""
        super().__init__(f"There is no @{name} in this run.{hint}")
        self.name = name
        self.suggestion = suggestion


def render(value: Any, variables: Mapping[str, Any]) -> Any:
    """A copy of JSON-shaped `value` with the variables of all its texts filled in (not of its keys).

    `variables` holds a value per root. Raises UnknownVariable.
    """
    return _Rendering(variables).of(value)


def apart(text: str, variables: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text with «contact.email» in place of each variable, and the values by these names: for a reader who must
    not take what was filled in for a part of the text. Raises UnknownVariable.
    """
    rendering, values = _Rendering(variables), {}

    def named(match: re.Match[str]) -> str:
        name = match["name"]
        if not name:
            return "@"
        values[name] = rendering.value(name)
        return f"«{name}»"

    return _VARIABLE.sub(named, text), values


def named(text: str) -> str:
    """The text with «contact.email» in place of each variable, whether this run has it or not."""
    return _VARIABLE.sub(lambda match: f"«{match['name']}»" if match["name"] else "@", text)


def variables_in(value: Any) -> list[str]:
    """The variables of all texts of `value`, without `@`, each once, in their order."""
    return list(dict.fromkeys(name for _, name in _uses(value, "")))


def problems(value: Any, *, known: Known, step: int | None = None, path: str = "") -> list[Problem]:
    """The variables that no run can have, as far as that is known when an agent is saved.

    `known` has the field names of a root, or None where anything may come, as for a root that it lacks;
    deeper names (`contact.custom.tier`) are never doubted. `step` is the number of the step that the value
    belongs to, from 1: it sees only earlier ones. `path` is where the value stands.
    """
    found = (_problem(name, where, known, step) for where, name in _uses(value, path))
    return [problem for problem in found if problem is not None]


class _Rendering:
    """One `render`; `left` is what may still be filled in."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = dict(variables)
        self.left = MAX_OUTPUT

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {key: self.of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        return value

    def _text(self, text: str) -> Any:
        alone = _VARIABLE.fullmatch(text)
        if alone and alone["name"]:
            return self.value(alone["name"])
        return _VARIABLE.sub(self._filled, text)

    def _filled(self, match: re.Match[str]) -> str:
        return _as_text(self.value(match["name"])) if match["name"] else "@"

    def value(self, name: str) -> Any:
        found = paths.find(self.variables, tuple(name.split(".")))
        if found is paths.MISSING:
            raise UnknownVariable(name, self._meant(name))
        value = json.sanitise(found, max_bytes=max(self.left, 0))
        self.left -= len(json.dumps(value))
        return value

    def _meant(self, name: str) -> str | None:
        """The name with its first unknown part put right."""
        parts = name.split(".")
        for index, part in enumerate(parts):
            above = paths.find(self.variables, tuple(parts[:index]))
            if not isinstance(above, dict):
                return None
            if part not in above:
                if index == 0:
                    return None  # the run has no such record; another one was not meant
                meant = closest(part, [key for key in above if isinstance(key, str)])
                return ".".join((*parts[:index], meant, *parts[index + 1 :])) if meant else None
        return None


def _as_text(value: Any) -> str:
    """How a JSON value reads inside a sentence."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value).decode()


def _uses(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(where, name) of each variable in the texts of a value."""
    if isinstance(value, str):
        for match in _VARIABLE.finditer(value):
            if match["name"]:
                yield path, match["name"]
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _uses(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _uses(item, f"{path}[{index}]")


def _problem(name: str, path: str, known: Known, step: int | None) -> Problem | None:
    root, *inner = name.split(".")
    if root == "steps":
        return _step_problem(name, inner, path, step)
    fields = known.get(root)
    if fields is None or not inner or inner[0] in fields:
        return None
    meant = closest(inner[0], fields)
    suggestion = "@" + ".".join((root, meant, *inner[1:])) if meant else None
    return Problem(path, f"There is no variable @{name}.", suggestion)


def _step_problem(name: str, inner: list[str], path: str, step: int | None) -> Problem | None:
    if not inner:
        return None
    number, *rest = inner
    if not paths.is_index(number) or int(number) < 1:
        return Problem(path, f"@{name} needs the number of a step, such as @steps.1.output.")
    if step is not None and int(number) >= step:
        return Problem(path, f"@{name} is not known yet: only the steps before this one are.")
    if rest and rest[0] not in _OF_A_STEP:
        return Problem(
            path,
            f"A step has an output and an error, no {rest[0]!r}.",
            f"@steps.{number}.output.{rest[0]}",
        )
    return None
