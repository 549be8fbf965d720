"""Conditions: whether an event is one that a trigger waits for. Pure: no database, no network, no clock.

    condition = conditions.parse(trigger.conditions)    # or InvalidConditions, with every problem
    verdict = conditions.judge(condition, event.payload)

Three values (met, not met, unknown), joined as Kleene does: AND is not met as soon as one rule is not,
OR is met as soon as one is, NOT of unknown is unknown. A field that is missing, or does not compare with
its value, is unknown; only `exists` and `not_exists` decide on absence. Unknown at the root does not run.
"""

from triggers.conditions.judging import Verdict, judge
from triggers.conditions.parsing import InvalidConditions, canonical, parse
from triggers.conditions.schemas import field_problems
from triggers.conditions.tree import ALWAYS, Condition, Question, fields, questions

__all__ = [
    "ALWAYS",
    "Condition",
    "InvalidConditions",
    "Question",
    "Verdict",
    "canonical",
    "field_problems",
    "fields",
    "judge",
    "parse",
    "questions",
]
