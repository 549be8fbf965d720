"""The examples of a condition in words are its tests: which there are, how they did, and what follows of that.

    asked = trials.wanted(trigger)                     # its conditions with examples, and the models they ask now
    tried = await trials.run(asked, workspace_id=..., seconds=20.0)
    trials.record(trigger, tried, now=now)
    trials.refusal(trigger)                            # why it may not listen, or None

A trigger may begin to listen when each of its conditions had at least its share of examples right, with the model that
is asked now and with the words and examples as they are. Whoever calls this says what a call of a model may cost.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents import llm
from agents.actions import ActionFailed
from agents.llm import providers
from config.lib import clock, json
from triggers import conditions, questions
from triggers.conditions import Question
from triggers.models import ConditionTrial, Trigger

AT_ONCE = 8  # calls of one trial side by side
MAX_SHOWN = 500  # bytes of an input that results repeat
FIRST_WAIT = dt.timedelta(minutes=1)  # until what could not be tried is tried again; doubles
LONGEST_WAIT = dt.timedelta(hours=1)
UNTRIED = "Its examples have not been tried yet with {model}."
NO_MODEL = "No model is set up to judge this."


@dataclass(frozen=True, slots=True)
class Asked:
    """One condition with examples, and the model that it asks now; `fingerprint` of both."""

    question: Question
    model: str
    fingerprint: str

    @property
    def path(self) -> str:
        return self.question.path


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it. `error`: why it could not be tried, and there are no results then."""

    asked: Asked
    results: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def passed(self) -> int:
        return sum(one["passed"] for one in self.results)


def wanted(trigger: Trigger) -> list[Asked]:
    """In the order of the tree. `trigger` was read with its agent and workspace, or needs a query for each."""
    if not has_examples(trigger.conditions):
        return []
    try:
        parsed = conditions.parse(trigger.conditions)
    except conditions.InvalidConditions:
        return []
    found = [one for one in conditions.questions(parsed) if one.examples]
    return [ask_of(one, providers.model_for(trigger.agent, one.model)) for one in found]


def has_examples(tree: Any) -> bool:
    """Whether there are any, quickly, whatever was given as conditions."""
    if isinstance(tree, list):
        return any(has_examples(one) for one in tree)
    if not isinstance(tree, dict):
        return False
    return bool(tree.get("examples")) or any(
        has_examples(tree[key]) for key in ("rules", "conditions") if key in tree
    )


def ask_of(question: Question, model: str) -> Asked:
    told = [
        model,
        questions.instructions(question),
        list(question.context_fields),
        list(question.examples),
        question.min_confidence,
    ]
    digest = hashlib.sha256(json.dumps(json.sanitise(told))).hexdigest()
    return Asked(question, model, digest)


# --- trying -----------------------------------------------------------------------------------------------------------


async def run(
    asked: Sequence[Asked],
    *,
    workspace_id: uuid.UUID,
    seconds: float,
    meter: Callable[[], llm.Meter] | None = None,
) -> list[Tried]:
    """Asks the models about every example, side by side; ends after `seconds`. Call it outside any transaction.

    `meter`: makes one for each call. What a model answers wrongly or unusably has failed; where it cannot be asked,
    nothing is known, and `error` says why.
    """
    until = asyncio.get_running_loop().time() + seconds
    places = asyncio.Semaphore(AT_ONCE)

    async def judge(one: Asked, example: Mapping[str, Any]) -> dict[str, Any]:
        async with asyncio.timeout_at(until), places:
            return await _judge(one, example, workspace_id, seconds, meter() if meter else None)

    async def attempt(one: Asked) -> Tried:
        if not one.model:
            return Tried(one, error=NO_MODEL)
        found = await asyncio.gather(
            *(judge(one, example) for example in one.question.examples), return_exceptions=True
        )
        results = [result for result in found if isinstance(result, dict)]
        errors = [error for error in found if isinstance(error, BaseException)]
        return Tried(one, error=_said(errors, one, seconds)) if errors else Tried(one, results)

    return list(await asyncio.gather(*(attempt(one) for one in asked)))


def _said(errors: Sequence[BaseException], asked: Asked, seconds: float) -> str:
    """Why it could not be tried. What is no failure of a model is raised."""
    for error in errors:
        if not isinstance(error, ActionFailed | TimeoutError):
            raise error
    told = next((str(error) for error in errors if isinstance(error, ActionFailed)), "")
    return told or f"{asked.model} did not answer within {seconds:g} s."


async def _judge(
    asked: Asked,
    example: Mapping[str, Any],
    workspace_id: uuid.UUID,
    seconds: float,
    meter: llm.Meter | None,
) -> dict[str, Any]:
    question, expected = asked.question, example["expected"]
    told = conditions.seen(question, example["input"])
    result: dict[str, Any] = {
        "input": _shown(example["input"]),
        "expected": expected,
        "got": None,
        "passed": False,
        "reason": "",
        "evidence": "",
        "confidence": None,
        "error": "",
    }
    try:
        opinion = await questions.ask(
            replace(question, context_fields=()),
            told,
            workspace_id=workspace_id,
            model=asked.model,
            meter=meter,
            seconds=seconds,
        )
    except llm.Unusable as error:
        return result | {"error": str(error)[:1000]}
    unsure = opinion.is_unsure(question)
    said = f"Too unsure: below {question.min_confidence:g} a person is asked." if unsure else ""
    return result | {
        "got": opinion.match,
        "passed": opinion.match is expected and not unsure,
        "reason": opinion.reason,
        "evidence": opinion.evidence,
        "confidence": opinion.confidence,
        "error": said,
    }


def _shown(given: Any) -> Any:
    text = json.dumps(json.sanitise(given))
    if len(text) <= MAX_SHOWN:
        return given
    return f"{text[: MAX_SHOWN - 3].decode(errors='ignore')}…"


# --- keeping what came of it ------------------------------------------------------------------------------------------


def follow(
    trigger: Trigger, *, is_new: bool = False, due_at: dt.datetime | None = None
) -> list[Asked]:
    """Brings the rows in line with the trigger, which was just written: what is new or changed is due, now or then."""
    asked = wanted(trigger)
    _forget(trigger)
    if is_new and not asked:
        return asked
    rows = {row.path: row for row in ConditionTrial.objects.filter(trigger=trigger)}
    _move(rows, asked)
    if gone := rows.keys() - {one.path for one in asked}:
        ConditionTrial.objects.filter(trigger=trigger, path__in=gone).delete()
    fresh: list[ConditionTrial] = []
    due_at = due_at or (clock.now() if asked else None)
    for one in asked:
        own = one.question.model
        row = rows.get(one.path)
        if row is None:
            row = ConditionTrial(trigger=trigger, path=one.path, own_model=own)
            row.wanted, row.due_at = one.fingerprint, due_at
            fresh.append(row)
        elif row.wanted != one.fingerprint:
            ConditionTrial.objects.filter(pk=row.pk).update(
                wanted=one.fingerprint, own_model=own, due_at=due_at, failures=0
            )
    if fresh:
        ConditionTrial.objects.bulk_create(fresh, ignore_conflicts=True)
    return asked


def _move(rows: dict[str, ConditionTrial], asked: Sequence[Asked]) -> None:
    """What only stands at another place by now keeps its results."""
    kept = {one.path for one in asked}
    free = {row.wanted: path for path, row in rows.items() if path not in kept}
    for one in asked:
        path = free.pop(one.fingerprint, None) if one.path not in rows else None
        if path is not None:
            rows[one.path] = rows.pop(path)
            ConditionTrial.objects.filter(pk=rows[one.path].pk).update(path=one.path)


def record(trigger: Trigger, tried: Iterable[Tried], *, now: dt.datetime) -> None:
    """Keeps what came of a trial, where nothing was changed meanwhile. What could not be tried is due again later, and
    keeps the results that there were.
    """
    _forget(trigger)
    for one in tried:
        rows = ConditionTrial.objects.filter(
            trigger=trigger, path=one.asked.path, wanted=one.asked.fingerprint
        )
        if one.error:
            failures = rows.values_list("failures", flat=True).first() or 0
            wait = min(FIRST_WAIT * 2 ** min(failures, 10), LONGEST_WAIT)
            rows.update(error=one.error[:2000], failures=min(failures + 1, 1000), due_at=now + wait)
            continue
        rows.update(
            fingerprint=one.asked.fingerprint,
            model=one.asked.model[:200],
            passed=one.passed,
            total=len(one.results),
            results=json.sanitise(one.results),
            error="",
            failures=0,
            tried_at=now,
            due_at=None,
        )


def _forget(trigger: Trigger) -> None:
    """The rows that were read with it."""
    getattr(trigger, "_prefetched_objects_cache", {}).pop("trials", None)
