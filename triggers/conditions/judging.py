"""Judging a payload: quickly where only the answer is wanted, or with a trace of all that was seen.

With a trace every rule is looked at, also those that no longer matter, so that a person sees the whole
picture. Without one, judging stops as soon as the answer is known, and takes the full way only for the
reason of an answer that stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from config.lib import json
from config.lib.paths import MISSING, find
from triggers.comparing import Incomparable
from triggers.conditions.looking import Unseen, look
from triggers.conditions.tree import Condition, Group, Logic, Node, Question
from triggers.operators import Change, Value

CONDITION_FALSE: Final = "condition_false"
CONDITION_ERROR: Final = "condition_error"
PENDING: Final = "pending"
MAX_SHOWN = 200  # characters of a value in a trace
_MAX_SHOWN_MEMBERS = 20


class Verdict(NamedTuple):
    """`met` is None where unknown. `reason` is why nothing runs: None, `condition_false`, `condition_error`.

    `needs_model`: unknown, and only the answer to a question can still make it met; there is no reason
    then. The trace has `{"path", "field", "operator", "expected", "actual", "met", "note"}` per leaf.
    """

    met: bool | None
    reason: str | None
    trace: list[dict[str, Any]]
    needs_model: bool


class _Answer(NamedTuple):
    """What a node comes to.

    `erred`: unknown because values do not compare. `may_be_*`: what the answers of a model could make of it.
    """

    met: bool | None
    erred: bool
    may_be_true: bool
    may_be_false: bool


def judge(
    condition: Condition,
    payload: Mapping[str, Any],
    *,
    with_trace: bool = False,
    answers: Mapping[str, bool | None] | None = None,
) -> Verdict:
    """Judge one event. Never raises, whatever the payload is.

    `answers` are those of a model by the path of the question; None says that the model failed, or that
    its answer made no sense. A question without an answer is pending.
    """
    if not with_trace and not answers:
        met = condition.quick(payload)
        if met is not None:
            return Verdict(met, None if met else CONDITION_FALSE, [], False)
    trace: list[dict[str, Any]] = []
    root = weigh(condition.root, payload, answers or {}, trace)
    return Verdict(root.met, _reason(root), trace if with_trace else [], _is_open(root))


def _is_open(root: _Answer) -> bool:
    return root.met is None and root.may_be_true


def _reason(root: _Answer) -> str | None:
    if root.met or _is_open(root):
        return None
    return CONDITION_ERROR if root.erred else CONDITION_FALSE


def weigh(
    node: Node, payload: Any, answers: Mapping[str, bool | None], trace: list[dict[str, Any]]
) -> _Answer:
    """The full way: every leaf below the node is looked at and noted."""
    if isinstance(node, Group):
        return _join(
            node.logic, [weigh(member, payload, answers, trace) for member in node.members]
        )
    if isinstance(node, Question):
        return _weigh_question(node, answers, trace)
    actual, met, note, erred = None, None, "", False
    try:
        actual = find(payload, node.parts)
        seen = look(node, payload)
        if isinstance(seen, Unseen):
            note = seen.value.format(node.field)
        else:
            actual, met = seen, node.operator.test(seen, node.prepared)
    except Incomparable as error:
        note, erred = str(error), True
    expected = None if node.operator.value is Value.NONE else node.value
    trace.append(_leaf(node.path, node.field, node.operator.name, expected, actual, met, note))
    return _Answer(met, erred, met is True, met is False)


def _weigh_question(
    question: Question, answers: Mapping[str, bool | None], trace: list[dict[str, Any]]
) -> _Answer:
    pending = question.path not in answers
    met = answers.get(question.path)
    note = PENDING if pending else "The model gave no usable answer." if met is None else ""
    trace.append(_leaf(question.path, "", "llm", question.description, None, met, note))
    return _Answer(
        met, not pending and met is None, pending or met is True, pending or met is False
    )


def _join(logic: Logic, answers: Sequence[_Answer]) -> _Answer:
    """Kleene's tables. An error counts where it is what keeps the answer unknown."""
    erred = any(answer.erred for answer in answers if answer.met is None)
    if logic is Logic.NOT:
        (one,) = answers
        return _Answer(
            None if one.met is None else not one.met, erred, one.may_be_false, one.may_be_true
        )
    decides = logic is Logic.OR
    results = [answer.met for answer in answers]
    met = decides if decides in results else None if None in results else not decides
    true, false = (any, all) if decides else (all, any)
    return _Answer(
        met,
        erred and met is None,
        true(answer.may_be_true for answer in answers),
        false(answer.may_be_false for answer in answers),
    )


def _leaf(
    path: str, field: str, operator: str, expected: Any, actual: Any, met: bool | None, note: str
) -> dict[str, Any]:
    return {
        "path": path,
        "field": field,
        "operator": operator,
        "expected": _shown(expected),
        "actual": _shown(actual),
        "met": met,
        "note": note,
    }


def _shown(value: Any) -> Any:
    """A value for the trace: itself where it is short, else its beginning or its size."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if value is MISSING:
        return None
    if isinstance(value, Change):
        return {"old": _shown(value.old), "new": _shown(value.new)}
    if isinstance(value, str):
        return value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…"
    if isinstance(value, (list, dict)) and len(value) > _MAX_SHOWN_MEMBERS:
        return f"[{len(value)} entries]"
    text = json.dumps(json.sanitise(value)).decode()
    return value if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
