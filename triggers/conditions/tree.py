"""The compiled tree of conditions, and the JSON form of it that is stored and answered.

    {"type": "rule", "logic": "AND|OR|NOT", "rules": [...]}
    {"type": "combined", "logic": "AND|OR|NOT", "conditions": [...]}
    {"type": "llm", "description": "...", "context_fields": [...], "examples": [{"input", "expected"}],
     "model": "provider:model", "min_confidence": 0.8}
    {"field": "deal.value", "operator": "greater_than", "value": 10000}

The last is a rule, which stands in one of the two lists. No conditions are a rule node without rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from config.lib.paths import Parts
from triggers.operators import Operator, Value


class Logic(StrEnum):
    AND = "AND"
    OR = "OR"
    NOT = "NOT"


@dataclass(frozen=True, slots=True)
class Rule:
    """One comparison. `path` is its place in the stored tree, `prepared` what its operator made of `value`."""

    path: str
    field: str
    parts: Parts
    operator: Operator
    value: Any
    prepared: Any

    def as_json(self) -> dict[str, Any]:
        leaf = {"field": self.field, "operator": self.operator.name}
        return leaf if self.operator.value is Value.NONE else {**leaf, "value": self.value}


@dataclass(frozen=True, slots=True)
class Question:
    """A condition in words that a model answers.

    `context_fields` are the only paths that it gets to see; without any it sees the whole event. `model`: empty for
    the agent's. `min_confidence` (0 to 1): a verdict below it is for a person to decide; None takes every verdict.
    """

    path: str
    description: str
    context_fields: tuple[str, ...]
    examples: tuple[dict[str, Any], ...]
    model: str = ""
    min_confidence: float | None = None

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "type": "llm",
            "description": self.description,
            "context_fields": list(self.context_fields),
            "examples": list(self.examples),
        }
        if self.model:
            told["model"] = self.model
        if self.min_confidence is not None:
            told["min_confidence"] = self.min_confidence
        return told


@dataclass(frozen=True, slots=True)
class Group:
    """`key` is the list that the members stand in: `rules` of a rule node, `conditions` of a combined one."""

    key: str
    logic: Logic
    members: tuple[Node, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "type": "rule" if self.key == "rules" else "combined",
            "logic": str(self.logic),
            self.key: [member.as_json() for member in self.members],
        }


Node = Rule | Question | Group
Quick = Callable[[Any], bool | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """What `parse` makes; it holds nothing that changes, so one serves all events and threads."""

    root: Node
    quick: Quick = field(compare=False, repr=False)  # see `triggers.conditions.quick`

    @property
    def tree(self) -> dict[str, Any]:
        """The canonical JSON form, a new one at each call."""
        return self.root.as_json()


ALWAYS = Condition(Group("rules", Logic.AND, ()), lambda payload: True)


def _leaves(node: Node) -> Iterator[Rule | Question]:
    if isinstance(node, Group):
        for member in node.members:
            yield from _leaves(member)
    else:
        yield node


def rules(condition: Condition) -> list[Rule]:
    return [leaf for leaf in _leaves(condition.root) if isinstance(leaf, Rule)]


def questions(condition: Condition) -> list[Question]:
    """The conditions that need a model, in the order of the tree."""
    return [leaf for leaf in _leaves(condition.root) if isinstance(leaf, Question)]


def fields(condition: Condition) -> set[str]:
    """Every path of the payload that the condition looks at, or shows to a model."""
    shown = {path for question in questions(condition) for path in question.context_fields}
    return shown | {rule.field for rule in rules(condition)}
