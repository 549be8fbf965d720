"""The quick way to an answer: the tree as nested functions, built once, that stop when all is decided."""

from __future__ import annotations

from typing import Any

from config.lib.paths import MISSING, find
from triggers.comparing import Incomparable
from triggers.conditions.looking import Unseen, look
from triggers.conditions.tree import Group, Logic, Node, Question, Quick, Rule
from triggers.operators import Looks


def compiled(node: Node) -> Quick:
    """A function of the payload to met, not met or None (unknown, or a model has to be asked)."""
    if isinstance(node, Group):
        return _group(node)
    if isinstance(node, Question):
        return lambda payload: None
    return _compared(node) if node.operator.looks is Looks.VALUE else _looked(node)


def _group(group: Group) -> Quick:
    members = tuple(compiled(member) for member in group.members)
    if group.logic is Logic.NOT:
        return _opposite(members[0])
    decides = (
        group.logic is Logic.OR
    )  # one member that is met decides OR, one that is not decides AND

    def met(payload: Any) -> bool | None:
        answer: bool | None = not decides
        for member in members:
            one = member(payload)
            if one is decides:
                return decides
            if one is None:
                answer = None
        return answer

    return met


def _opposite(member: Quick) -> Quick:
    def met(payload: Any) -> bool | None:
        one = member(payload)
        return None if one is None else not one

    return met


def _compared(rule: Rule) -> Quick:
    """By far the most rules: `look` without its questions."""
    parts, test, expected = rule.parts, rule.operator.test, rule.prepared
    missing = MISSING  # a local: members of an Enum are slow to name

    def met(payload: Any) -> bool | None:
        actual = find(payload, parts)
        if actual is None or actual is missing:
            return None
        try:
            return test(actual, expected)
        except Incomparable:
            return None

    return met


def _looked(rule: Rule) -> Quick:
    test, expected = rule.operator.test, rule.prepared

    def met(payload: Any) -> bool | None:
        try:
            seen = look(rule, payload)
            return None if type(seen) is Unseen else test(seen, expected)
        except Incomparable:
            return None

    return met
