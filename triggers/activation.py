"""Whether a trigger may begin to listen, by the examples of its conditions in words.

refused = activation.refusal(trigger)         # an InvalidTrigger to raise, or None
activation.told(trigger)                      # {"state": "failed", "pass_rate": 0.5, "questions": [...]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from triggers import trials
from triggers.models import ConditionTrial, Trigger
from triggers.problems import ExamplesFailed, ExamplesUntried, InvalidTrigger
from triggers.sources import Problems
from triggers.trials import Asked, Tried

NONE, PASSED, FAILED, UNTRIED = "none", "passed", "failed", "untried"


def refusal(
    trigger: Trigger,
    *,
    fresh: Sequence[Tried] = (),
    but: Iterable[str] = (),
) -> InvalidTrigger | None:
    """Why it may not listen. `fresh`: trials that are not recorded yet; `but`: fingerprints that are not asked about.

    What failed goes before what was not tried.
    """
    asked = [one for one in trials.wanted(trigger) if one.fingerprint not in set(but)]
    known = _known(trigger, asked, fresh)
    failed: Problems = {}
    untried: Problems = {}
    for one in asked:
        tried = known.get(one.fingerprint)
        if tried is None or tried.error:
            said = (tried.error if tried else "") or trials.UNTRIED.format(
                model=one.model or "a model"
            )
            untried[_path(one)] = [said]
        elif not passes(trigger, tried.passed, len(tried.results)):
            failed |= _failures(one, tried)
    if failed:
        return ExamplesFailed(failed)
    return ExamplesUntried(untried) if untried else None


def passes(trigger: Trigger, passed: int, total: int) -> bool:
    """Whether a condition has enough of its examples right."""
    return passed >= trigger.examples_pass_rate * total - 1e-9


def _known(trigger: Trigger, asked: Sequence[Asked], fresh: Sequence[Tried]) -> Mapping[str, Tried]:
    found = {one.asked.fingerprint: one for one in fresh}
    missing = {one.fingerprint: one for one in asked if one.fingerprint not in found}
    if not missing or trigger._state.adding:
        return found
    for row in rows_of(trigger):
        if row.fingerprint in missing:
            found[row.fingerprint] = Tried(missing[row.fingerprint], row.results)
        elif row.wanted in missing and row.error:
            found[row.wanted] = Tried(missing[row.wanted], error=row.error)
    return found


def rows_of(trigger: Trigger) -> list[ConditionTrial]:
    """Those that were read with it, or one query."""
    return [] if trigger._state.adding else list(trigger.trials.all())


def _path(one: Asked) -> str:
    return f"conditions.{one.path}.examples" if one.path else "conditions.examples"


def _failures(one: Asked, tried: Tried) -> Problems:
    """Each example that the model judged otherwise, at its place."""
    return {
        f"{_path(one)}[{index}]": [said(result, model=one.model)]
        for index, result in enumerate(tried.results)
        if not result["passed"]
    }


def said(result: Mapping[str, Any], *, model: str) -> str:
    """What came of one example, as a sentence."""
    if result["got"] is None:
        return f"{model} gave no usable answer. {result['error']}"
    if result["error"]:
        sure = "" if result["confidence"] is None else f", {result['confidence']:.0%}"
        return f"{result['error']} ({_word(result['got'])}{sure}: {result['reason']})"
    sure = "" if result["confidence"] is None else f" ({result['confidence']:.0%})"
    return f"Expected {_word(result['expected'])}, {model} said {_word(result['got'])}{sure}: {result['reason']}"


def _word(answer: bool) -> str:
    return "yes" if answer else "no"


def told(trigger: Trigger, *, with_results: bool = False) -> dict[str, Any]:
    """How its examples do, as REST answers it. `trigger` was read with its agent, workspace and trials."""
    asked = trials.wanted(trigger)
    rows = {row.path: row for row in rows_of(trigger)} if asked else {}
    one_each = [_told_of(trigger, one, rows.get(one.path), with_results) for one in asked]
    states = [one["state"] for one in one_each]
    tried = [one for one in one_each if one["total"]]
    passed, total = sum(one["passed"] for one in tried), sum(one["total"] for one in tried)
    return {
        "state": next((one for one in (FAILED, UNTRIED, PASSED) if one in states), NONE),
        "pass_rate": round(passed / total, 4) if total else None,
        "passed": passed,
        "total": total,
        "required": trigger.examples_pass_rate,
        "activates_when_tried": trigger.waits_for_examples,
        "questions": one_each,
    }


def _told_of(
    trigger: Trigger, one: Asked, row: ConditionTrial | None, with_results: bool
) -> dict[str, Any]:
    is_current = row is not None and row.fingerprint == one.fingerprint
    answer: dict[str, Any] = {
        "path": one.path,
        "description": one.question.description,
        "model": one.model,
        "state": UNTRIED,
        "passed": 0,
        "total": 0,
        "tried_at": None,
        "error": "",
    }
    if row is not None and is_current:
        state = PASSED if passes(trigger, row.passed, row.total) else FAILED
        answer |= {
            "state": state,
            "passed": row.passed,
            "total": row.total,
            "tried_at": row.tried_at,
        }
    elif row is not None:
        answer["error"] = row.error
    if with_results:
        answer["results"] = row.results if row is not None and is_current else []
    return answer
