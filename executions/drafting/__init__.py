"""A sentence becomes a draft of an automation: an agent and its trigger, for a person to look at.

    drafted = drafting.draft(workspace, "When a deal above 10,000 is won, thank the contact.", model="offline:rules")

A model fills the draft in (`telling`), what it must not decide is taken out of it (`shaping`, `blanks`), the checks of
the real agents and triggers look at it (`checking`), and the last events say what it would have done (`rehearsal`).
Nothing is written but what the call cost; `saving` does the rest, after a person's click. What a draft still lacks
stands in `problems`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from agents import llm
from agents.actions import ActionFailed
from agents.llm import Filled, Unusable, Usage, providers
from config.lib import waits
from crm.models import Workspace
from executions.budgets import WorkspaceMeter
from executions.drafting import blanks, checking, rehearsal, rules, shaping, telling

__all__ = ["Drafted", "NoModel", "draft", "review", "rules"]

SECONDS = 60.0  # for all that is asked of the model
REPAIRS = 2
MAX_DESCRIPTION = 4000
MAX_TOLD = 2000  # characters of what a model says to the person
MAX_QUESTIONS = 20
_LEAST_SECONDS = 2.0  # with less left, the model is not asked again


class NoModel(Exception):
    """Nobody says which model; the message says what to do."""


@dataclass(slots=True)
class Drafted:
    """`doubts` are those of the warnings that a second try of the model may mend."""

    draft: dict[str, Any]
    model: str
    explanation: str = ""
    problems: checking.Problems = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    dry_run: dict[str, Any] = field(default_factory=lambda: dict(rehearsal.NOTHING))
    doubts: list[str] = field(default_factory=list)
    calls: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def used(self) -> dict[str, Any]:
        return {"model": self.model, "calls": self.calls, **asdict(self.usage)}


def draft(workspace: Workspace, description: str, *, model: str = "") -> Drafted:
    """Waits for the model, a minute at most; call it outside any transaction.

    Raises NoModel, waits.Busy, BudgetSpent where the workspace's day is used up, or ActionFailed where the model
    cannot be asked, or is away. What it answers never raises.
    """
    model = model.strip() or workspace.default_model
    if not model:
        raise NoModel(
            f"Say which model shall draft, such as openai:gpt-5.6, or set the workspace's default model. "
            f"{providers.RULES} drafts plain sentences without a language model."
        )
    talk = _Talk(workspace, description, model)
    with waits.place():
        talk.hold()
    return talk.drafted


def review(workspace: Workspace, given: dict[str, Any]) -> Drafted:
    """Judges a draft as it is, without a model: what a person has changed in it. Conditions come back canonical."""
    found = checking.check(given, workspace)
    drafted = Drafted(given, "", problems=found.problems, warnings=found.warnings)
    drafted.doubts = found.doubts
    drafted.questions = blanks.questions(given)
    if found.trigger is not None:
        canonical = {**given["trigger"], "conditions": found.trigger.conditions}
        drafted.draft = {**given, "trigger": canonical}
        drafted.dry_run = rehearsal.rehearse(found.trigger)
    return drafted


class _Talk:
    """Asking until nothing is wrong, REPAIRS times more at most. `drafted` is the last draft that could be read."""

    def __init__(self, workspace: Workspace, description: str, model: str) -> None:
        self.workspace, self.description, self.model = workspace, description, model
        self.ends_at = time.monotonic() + SECONDS
        self.fields = {"description": description, **telling.about(workspace)}
        self.usage, self.calls = Usage(), 0
        self.has_draft = False
        self.is_free = model == providers.RULES  # and gives the same answer each time
        self.drafted = Drafted(shaping.shaped({}, workspace)[0], model)

    def hold(self) -> None:
        for attempt in range(1 + REPAIRS):
            left = self.ends_at - time.monotonic()
            if attempt and (left < _LEAST_SECONDS or self.is_free):
                break
            if self._is_done(attempt, left):
                break
        self.drafted.calls, self.drafted.usage = self.calls, self.usage

    def _is_done(self, attempt: int, left: float) -> bool:
        """Asks once. True where there is nothing more to ask."""
        self.calls += 1
        try:
            filled = asyncio.run(self._fill(left))
        except Unusable as error:
            self.usage += error.usage or Usage()
            if not self.has_draft:
                said = f"The model's answer could not be used: {error}"
                self.drafted.problems = {"draft": [said]}
                self.fields["problems"] = {"draft": [str(error)]}
            return False
        except ActionFailed as error:
            if attempt == 0:
                raise
            self.drafted.warnings.append(f"The model could not be asked to mend this: {error}")
            return True
        self.usage += filled.usage
        return self._is_right(filled.value)

    async def _fill(self, seconds: float) -> Filled:
        return await llm.fill(
            self.workspace.pk,
            model=self.model,
            instructions=telling.instructions(),
            fields=self.fields,
            schema=telling.SCHEMA,
            seconds=seconds,
            meter=None if self.is_free else WorkspaceMeter(self.workspace.pk),
        )

    def _is_right(self, value: dict[str, Any]) -> bool:
        """Keeps what was answered, judged; False where it could be mended."""
        shaped, warnings = shaping.shaped(value, self.workspace)
        known = shaping.addresses_inside(self.workspace)
        drafted = review(self.workspace, blanks.filled(shaped, self.description, known=known))
        drafted.model, drafted.explanation = self.model, str(value["explanation"])[:MAX_TOLD]
        drafted.warnings = [*warnings, *drafted.warnings]
        asked = [str(one)[:MAX_TOLD] for one in value["questions"][:MAX_QUESTIONS]]
        drafted.questions = list(dict.fromkeys([*drafted.questions, *filter(None, asked)]))
        self.drafted, self.has_draft = drafted, True
        self.fields |= {"previous": drafted.draft, "problems": drafted.problems or drafted.doubts}
        return not (drafted.problems or drafted.doubts)
