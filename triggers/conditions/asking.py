"""Which question to put to a model next: only one whose answer can still make the condition met."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from triggers.conditions.judging import weigh
from triggers.conditions.tree import Condition, Group, Logic, Node, Question


def next_question(
    condition: Condition,
    payload: Mapping[str, Any],
    *,
    answers: Mapping[str, bool | None],
    passed: Container[str] = (),
) -> Question | None:
    """The first one, in the order of the tree; None where no further answer can make the condition met, or all is
    decided. `passed`: paths of questions that stay open and are not put again.
    """

    def find(node: Node, want: bool) -> Question | None:
        """A question below the node that can help to make it `want`."""
        now = weigh(node, payload, answers, [])
        if now.met is not None or not (now.may_be_true if want else now.may_be_false):
            return None
        if isinstance(node, Group):
            inner = want is not (node.logic is Logic.NOT)
            found = (find(member, inner) for member in node.members)
            return next((question for question in found if question is not None), None)
        if isinstance(node, Question) and node.path not in answers and node.path not in passed:
            return node
        return None

    return find(condition.root, True)
