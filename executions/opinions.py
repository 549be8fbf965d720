"""What models think of the conditions of one event: the questions that matter, one after the other, and what follows.

    inquiry = Inquiry(condition, facts, fail_open=trigger.fail_open)
    finding = await inquiry.go_on(put)        # raises what `put` raises; called again it goes on behind what it knows

`put(question)` answers an Asked. A question is put as long as its answer can still make the condition met, no longer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from agents.llm import Usage
from config.lib import json
from config.lib.secrets import redact_text
from triggers import conditions, questions
from triggers.conditions import Condition, Question
from triggers.questions import Opinion

MAX_QUOTED = 200  # characters of evidence in a trace; the whole is in what was asked
NO_MODEL = (
    "Nobody says which model judges it. Give the condition a model, or its agent, or the workspace "
    "a default model."
)
NOT_ASKED = "Not asked: it could not change the result."


class State(StrEnum):
    ANSWERED = "answered"
    UNUSABLE = "unusable"  # the model answered, and not as asked
    FAILED = "failed"  # it could not be asked


class Outcome(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    ERROR = "error"
    UNSURE = "unsure"  # a person decides


@dataclass(slots=True)
class Asked:
    """One question as it was put, and what came of it, without secrets. `cost` in dollars; null: no price is known."""

    path: str
    description: str
    fingerprint: str
    model: str
    instructions: str = ""
    data: Any = None
    state: State = State.ANSWERED
    match: bool | None = None
    reason: str = ""
    evidence: str = ""
    confidence: float | None = None
    problem: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    from_cache: bool = False
    seconds: float = 0.0
    is_unsure: bool = False

    def answer(self, opinion: Opinion, question: Question, *, secrets: tuple[str, ...]) -> None:
        self.state, self.match = State.ANSWERED, opinion.match
        self.reason = redact_text(opinion.reason, known=secrets)
        self.evidence = redact_text(opinion.evidence, known=secrets)
        self.confidence, self.model = opinion.confidence, opinion.model or self.model
        self.input_tokens = opinion.usage.input_tokens
        self.output_tokens = opinion.usage.output_tokens
        self.is_unsure = opinion.is_unsure(question)

    def refuse(self, problem: str, usage: Usage | None) -> None:
        """The model answered, and its answer is of no use."""
        self.state, self.problem = State.UNUSABLE, problem
        if usage:
            self.input_tokens, self.output_tokens = usage.input_tokens, usage.output_tokens

    def fail(self, problem: str) -> None:
        self.state, self.problem = State.FAILED, problem

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.sanitise(asdict(self))
        return told

    @property
    def note(self) -> str:
        """Why there is no answer, for the trace; empty where there is one."""
        if self.state is State.UNUSABLE:
            return f"The model gave no usable answer. {self.problem}"
        if self.state is State.FAILED:
            return f"The model could not be asked. {self.problem}"
        return "The model is not sure enough; a person decides." if self.is_unsure else ""


def begin(
    question: Question, facts: Mapping[str, Any], *, model: str, secrets: tuple[str, ...] = ()
) -> Asked:
    told = questions.told(question, facts, secrets=secrets)
    return Asked(
        path=question.path,
        description=question.description,
        fingerprint=questions.fingerprint(question, facts, model=model),
        model=model,
        instructions=told["instructions"],
        data=told["data"],
    )


def restored(rows: Iterable[Any]) -> list[Asked]:
    """What was asked before, of those that were answered; what cannot be read is asked again."""
    names = Asked.__slots__
    fitting = [row for row in rows if isinstance(row, dict) and row.keys() == set(names)]
    return [
        Asked(**{**row, "state": State.ANSWERED})
        for row in fitting
        if row["state"] == State.ANSWERED
    ]


@dataclass(frozen=True, slots=True)
class Finding:
    """`reason`: why it does not run, for people. `failed`: the model could not be asked, and that decided."""

    outcome: Outcome
    trace: list[dict[str, Any]]
    asked: list[Asked]
    reason: str = ""
    failed: bool = False

    @property
    def usage(self) -> dict[str, Any]:
        """What it took, as a run's usage is told."""
        new = [one for one in self.asked if not one.from_cache]
        return {
            "judging": {
                "model_calls": len(new),
                "input_tokens": sum(one.input_tokens for one in new),
                "output_tokens": sum(one.output_tokens for one in new),
            }
        }


Put = Callable[[Question], Awaitable[Asked]]


@dataclass(slots=True)
class Inquiry:
    """One event and one condition. `fail_open`: it runs where the model cannot be asked."""

    condition: Condition
    facts: dict[str, Any]
    fail_open: bool = False
    asked: dict[str, Asked] = field(default_factory=dict)

    async def go_on(self, put: Put) -> Finding:
        while question := self._next():
            self.asked[question.path] = await put(question)
        return self._finding()

    def _next(self) -> Question | None:
        return conditions.next_question(
            self.condition, self.facts, answers=self._answers(), passed=self._open()
        )

    def _open(self) -> list[str]:
        """Paths of questions that were put and are not decided by the model."""
        return [
            path
            for path, one in self.asked.items()
            if one.is_unsure or (self.fail_open and one.state is State.FAILED)
        ]

    def _answers(self) -> dict[str, bool | None]:
        still = set(self._open())
        return {path: one.match for path, one in self.asked.items() if path not in still}

    def _finding(self) -> Finding:
        verdict = conditions.judge(
            self.condition, self.facts, with_trace=True, answers=self._answers()
        )
        asked = list(self.asked.values())
        trace = [self._leaf(leaf) for leaf in verdict.trace]
        if verdict.needs_model and any(one.is_unsure for one in asked):
            return Finding(Outcome.UNSURE, trace, asked)
        if verdict.met or verdict.needs_model:
            return Finding(Outcome.MET, trace, asked, failed=verdict.needs_model)
        if verdict.reason == "condition_error":
            failed = any(one.state is State.FAILED for one in asked)
            said = next((one.note for one in asked if one.note and not one.is_unsure), "")
            return Finding(Outcome.ERROR, trace, asked, said, failed=failed)
        said = next((one.reason for one in asked if one.match is False), "")
        return Finding(Outcome.NOT_MET, trace, asked, said)

    def _leaf(self, leaf: dict[str, Any]) -> dict[str, Any]:
        """A leaf of the trace with what the model said."""
        if leaf["operator"] != "llm":
            return leaf
        one = self.asked.get(leaf["path"])
        if one is None:
            return {**leaf, "note": NOT_ASKED}
        told = {
            "reason": one.reason,
            "evidence": one.evidence[:MAX_QUOTED],
            "confidence": one.confidence,
            "model": one.model,
            "input_tokens": one.input_tokens,
            "output_tokens": one.output_tokens,
            "cost": one.cost,
            "from_cache": one.from_cache,
        }
        shown: dict[str, Any] = json.sanitise(
            {**leaf, "actual": one.match, "note": one.note, **told}
        )
        return shown
