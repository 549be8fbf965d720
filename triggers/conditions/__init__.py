"""Conditions: whether an event is one that a trigger waits for. Pure: no database, no network, no clock.

    condition = conditions.parse(trigger.conditions)    # or InvalidConditions, with every problem
    verdict = conditions.judge(condition, event.payload)

Three values (met, not met, unknown), joined as Kleene does: AND is not met as soon as one rule is not,
OR is met as soon as one is, NOT of unknown is unknown. A field that is missing, or does not compare with
its value, is unknown; only `exists` and `not_exists` decide on absence. Unknown at the root does not run.
"""

from triggers.conditions.asking import next_question
from triggers.conditions.examples import seen
from triggers.conditions.judging import Verdict, judge
from triggers.conditions.leaves import at
from triggers.conditions.parsing import InvalidConditions, canonical, parse, path_given
from triggers.conditions.schemas import field_problems, path_problem
from triggers.conditions.tree import ALWAYS, Condition, Question, fields, questions
from triggers.conditions.wording import doubts as wording_doubts
from triggers.conditions.wording import problems as wording_problems

__all__ = [
    "ALWAYS",
    "Condition",
    "InvalidConditions",
    "Question",
    "Verdict",
    "at",
    "canonical",
    "field_problems",
    "fields",
    "judge",
    "next_question",
    "parse",
    "path_given",
    "path_problem",
    "questions",
    "seen",
    "wording_doubts",
    "wording_problems",
]
