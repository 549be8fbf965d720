"""From what people and programs send to a compiled tree, or to the list of all that is wrong with it."""

from __future__ import annotations

from typing import Any

from config.lib.problems import Problem
from config.lib.registry import closest
from triggers.conditions.leaves import Findings, at, read_question, read_rule
from triggers.conditions.quick import compiled
from triggers.conditions.tree import ALWAYS, Condition, Group, Logic, Node

MAX_DEPTH = 10
MAX_LEAVES = 100
MAX_NODES = 200

_LISTS = {"rule": "rules", "combined": "conditions"}
_SIGNS = {"rules": "rule", "conditions": "combined", "description": "llm"}


class InvalidConditions(ValueError):
    """`problems` are all that were found, in the order of the tree."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(" ".join(map(str, problems)))
        self.problems = problems


def parse(tree: Any) -> Condition:
    """Compile a flat list of rules (all must be met), a tree, or nothing at all (always met).

    Type and logic may be in any case, or left out where they can be told; operators may be short.
    Raises InvalidConditions; its paths lead into what was given: `conditions[1].rules[0].operator`.
    """
    if tree is None or tree in ("", [], {}):
        return ALWAYS
    tree, wrapping = _wrapped(tree)
    reader = _Reader(Findings(wrapping))
    root = reader.node(tree, "", 1)
    if reader.findings.problems or root is None:
        raise InvalidConditions(reader.findings.problems)
    return (
        ALWAYS if isinstance(root, Group) and not root.members else Condition(root, compiled(root))
    )


def canonical(tree: Any) -> dict[str, Any]:
    """The tree in the one form that is stored and answered; raises InvalidConditions."""
    return parse(tree).tree


def path_given(path: str, given: Any) -> str:
    """A path of the stored tree as it leads into what was given, which may have been wrapped."""
    return path.removeprefix(_wrapped(given)[1]).removeprefix(".")


def _wrapped(tree: Any) -> tuple[Any, str]:
    """A list, or a single rule, as a rule node; and the part of its paths that was not given."""
    if isinstance(tree, list):
        return {"type": "rule", "rules": tree}, "rules"
    if _is_rule(tree):
        return {"type": "rule", "rules": [tree]}, "rules[0]"
    return tree, ""


def _is_rule(raw: Any) -> bool:
    if not isinstance(raw, dict) or not _SIGNS.keys().isdisjoint(raw):
        return False
    return "field" in raw or "operator" in raw


class _Reader:
    """Walks what was given once. A node with a problem reads as None, and reading goes on beside it."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._leaves = 0
        self._nodes = 0
        self._full = False  # said so, and read no further

    def node(self, raw: Any, path: str, depth: int) -> Node | None:
        self._nodes += 1
        if not isinstance(raw, dict):
            self.findings.add(path, "A condition is an object.")
            return None
        kind = "leaf" if _is_rule(raw) else self._kind(raw, path)
        if kind in _LISTS:
            return self._group(raw, path, depth, _LISTS[kind])
        return self._leaf(raw, path, kind) if kind else None

    def _kind(self, raw: dict[str, Any], path: str) -> str | None:
        given = raw.get("type")
        if given is None:
            kind = next((kind for sign, kind in _SIGNS.items() if sign in raw), None)
            if kind is None:
                self.findings.add(
                    path, "A condition needs a field, or a type: rule, combined or llm."
                )
            return kind
        kind = given.strip().lower() if isinstance(given, str) else ""
        if kind in _SIGNS.values():
            return kind
        self.findings.add(
            at(path, "type"),
            "A type is one of rule, combined and llm.",
            closest(given, _SIGNS.values()),
        )
        return None

    def _leaf(self, raw: dict[str, Any], path: str, kind: str) -> Node | None:
        self._leaves += 1
        read = read_question if kind == "llm" else read_rule
        return read(raw, path, self.findings)

    def _group(self, raw: dict[str, Any], path: str, depth: int, key: str) -> Group | None:
        logic, given = self._logic(raw, path), raw.get(key)
        if depth > MAX_DEPTH:
            self.findings.add(path, f"Conditions are nested at most {MAX_DEPTH} deep.")
        elif not isinstance(given, list):
            self.findings.add(at(path, key), f"{key} must be a list of conditions.")
        elif logic is Logic.NOT and len(given) != 1:
            self.findings.add(at(path, key), "NOT takes exactly one condition.")
        elif not given and (path or logic is not Logic.AND):
            self.findings.add(at(path, key), "There must be at least one condition.")
        else:
            members = self._members(given, at(path, key), depth)
            return Group(key, logic, members) if logic else None
        return None

    def _logic(self, raw: dict[str, Any], path: str) -> Logic | None:
        given = raw.get("logic")
        if given is None:
            return Logic.AND
        folded = given.strip().upper() if isinstance(given, str) else ""
        if folded in Logic.__members__:
            return Logic(folded)
        self.findings.add(
            at(path, "logic"), "Logic is one of AND, OR and NOT.", closest(given, Logic.__members__)
        )
        return None

    def _members(self, given: list[Any], path: str, depth: int) -> tuple[Node, ...]:
        members: list[Node] = []
        for index, raw in enumerate(given):
            if self._full:
                break
            if self._leaves == MAX_LEAVES or self._nodes == MAX_NODES:
                self._full = True
                self.findings.add(
                    f"{path}[{index}]", f"There are more than {MAX_LEAVES} conditions."
                )
                break
            member = self.node(raw, f"{path}[{index}]", depth + 1)
            if member is not None:
                members.append(member)
        return tuple(members)
