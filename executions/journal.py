"""The journal of one run: each step is written down around its effect, so that a finished step is never repeated.

- none: written with the run's finish.
- database: the step's row, the action's writes and its result are one transaction.
- repeatable and outside: `started` is committed, then the action happens, then the result is
  committed. After a crash in between, a repeatable step is done again under the same key; an
  outside one is `unknown` and a person decides.

Every write first proves that the run still holds its lease: a worker that hung and woke up too late writes nothing.
"""

from __future__ import annotations

import datetime as dt
import inspect
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from agents.actions import Action, ActionFailed, Effect, InDoubt, NeedsApproval, Scene, Wait
from agents.plans import Recorded
from config.lib import clock, json
from config.lib.secrets import encrypt, redact, redact_text
from config.lib.threads import in_stoppable_thread, in_thread
from executions import live, notices, step_rows
from executions.budgets import RunMeter
from executions.models import Execution, Step, StepState

TOLD_EVERY_SECONDS = 0.2  # what a model writes is shown this often
TOLD = 8_000  # characters of it


class RunJournal:
    """Implements `agents.plans.Journal` for one claimed execution. `unsaved` are steps that the
    finish has to write. `known` are secrets of the agent, which are written down nowhere.
    """

    def __init__(
        self,
        execution: Execution,
        *,
        lease: uuid.UUID,
        steps: list[Step],
        continues: set[int],
        known: tuple[str, ...] = (),
        is_talk: bool = False,
    ) -> None:
        self.execution = execution
        self.lease = lease
        self.unsaved: list[Step] = []
        self._steps = {step.number: step for step in steps}
        self.known = known
        self._continues = continues  # numbers of the steps whose failure does not end the run
        self._taken: dict[int, dict[str, Any]] = {}  # by number: what a step took of a model
        self._is_talk = is_talk  # a model decides what comes after a failure

    def doubt(self) -> bool:
        """Marks an outside step that has started and whose end nobody knows; whether there is one."""
        doubtful = [
            step
            for step in self._steps.values()
            if step.effect == Effect.OUTSIDE
            and step.state in {StepState.STARTED, StepState.UNKNOWN}
        ]
        for step in doubtful:
            step.state = StepState.UNKNOWN
        self.unsaved.extend(step for step in doubtful if step not in self.unsaved)
        return bool(doubtful)

    def break_off(self, error: str) -> None:
        """The step that was under way failed unexpectedly; the finish writes that down."""
        for step in self._steps.values():
            if step.state == StepState.STARTED:
                self._end(step, StepState.FAILED, error=error)
                if step not in self.unsaved:
                    self.unsaved.append(step)

    def recorded(self, number: int) -> Recorded | None:
        step = self._steps.get(number)
        if step is None:
            return None
        if step.state == StepState.DONE:
            return Recorded(step_rows.whole(step))
        if step.state == StepState.REJECTED:
            return Recorded(None, error=step.error_message, is_rejected=True)
        if step.state == StepState.FAILED and self._went_on_after(number):
            return Recorded(None, error=step.error_message)
        return None

    def _went_on_after(self, number: int) -> bool:
        return number in self._continues or (self._is_talk and max(self._steps) > number)

    def approved(self, number: int, action: Action, params: dict[str, Any]) -> dict[str, Any]:
        step = self._steps.get(number)
        if step is not None and (step.decision or {}).get("approved"):
            return {**params, **(step.decision or {}).get("params", {})}
        effect = action.effect_of(params) if action.effect_of else action.effect
        step = self._begin(number, action.name, effect, f"{self.execution.pk}:{number}", params)
        step.state = StepState.PROPOSED
        self.unsaved.append(step)
        raise NeedsApproval

    def keep_secret(self, texts: Sequence[str]) -> None:
        self.known = (*self.known, *texts)

    def equip(self, scene: Scene) -> Scene:
        run = self.execution
        assert run.agent_id is not None
        meter = RunMeter(run.workspace_id, run.agent_id, run.pk)
        return replace(scene, meter=meter, tell=self._teller(scene.step_number))

    def _teller(self, number: int) -> Callable[[str], None]:
        """Shows what a model writes to those who watch, a few times a second."""
        told_at = 0.0

        def tell(text: str) -> None:
            nonlocal told_at
            now = time.monotonic()
            if now - told_at >= TOLD_EVERY_SECONDS:
                told_at = now
                self._push(number, "started", redact_text(text, known=self.known)[-TOLD:])

        return tell

    def _push(self, number: int, state: str, text: str = "") -> None:
        kind = self._steps[number].kind
        step = {"number": number, "kind": kind, "state": state, "text": text}
        news = notices.execution_changed("step", self.execution, step=step)
        live.push(self.execution.workspace_id, news)

    def usage(self) -> dict[str, Any]:
        """What all steps of the run took of models, this pass and the earlier ones; empty where none was asked.

        `cost` is null as soon as nobody knows the price of one of them.
        """
        used = [step.usage for step in self._steps.values() if step.usage]
        if not used:
            return {}
        names = ("input_tokens", "output_tokens")
        costs = [one.get("cost") for one in used]
        return {
            "model_calls": len(used),
            **{name: sum(one.get(name) or 0 for one in used) for name in names},
            "cost": None if None in costs else round(sum(costs), 6),
        }

    def began_at(self, number: int) -> dt.datetime | None:
        step = self._steps.get(number)
        return step.started_at if step else None

    def refuse(self, number: int, kind: str, message: str) -> None:
        step = self._begin(number, kind, Effect.NONE, f"{self.execution.pk}:{number}", {})
        self._end(step, StepState.FAILED, error=message)
        self.unsaved.append(step)

    async def perform(self, action: Action, scene: Scene, params: dict[str, Any]) -> Any:
        effect = action.effect_of(params) if action.effect_of else action.effect
        step = self._begin(scene.step_number, action.name, effect, scene.idempotency_key, params)
        self._taken[step.number] = scene.usage  # the action fills it in
        if effect == Effect.DATABASE:
            return await self._in_one_transaction(action, scene, params, step)
        if effect == Effect.NONE:
            return await self._unwritten(action, scene, params, step)
        return await self._around(action, scene, params, step)

    async def _unwritten(
        self, action: Action, scene: Scene, params: dict[str, Any], step: Step
    ) -> Any:
        self.unsaved.append(step)
        try:
            output = await _call(action, scene, params)
        except Wait:
            raise
        except ActionFailed as error:
            self._end(step, StepState.FAILED, error=str(error))
            raise
        return self._end(step, StepState.DONE, output=output)

    async def _in_one_transaction(
        self, action: Action, scene: Scene, params: dict[str, Any], step: Step
    ) -> Any:
        def write() -> Any:
            with transaction.atomic():
                step_rows.store(step, lease=self.lease)
                output = self._end(step, StepState.DONE, output=action.perform(scene, params))
                Step.objects.filter(pk=step.pk).update(
                    state=step.state,
                    response=step.response,
                    sealed=step.sealed,
                    finished_at=step.finished_at,
                )
                return output

        try:
            return await in_stoppable_thread(write)
        except ActionFailed as error:
            self._end(step, StepState.FAILED, error=str(error))
            # In a talk the model goes on from here, and what it read must be what stands here.
            if self._is_talk:
                await in_thread(step_rows.store, step, lease=self.lease)
            else:
                self.unsaved.append(step)
            raise

    async def _around(
        self, action: Action, scene: Scene, params: dict[str, Any], step: Step
    ) -> Any:
        await in_thread(step_rows.store, step, lease=self.lease)
        if self._is_talk:
            self._push(step.number, "started")
        try:
            output = self._end(step, StepState.DONE, output=await _call(action, scene, params))
        except ActionFailed as error:
            doubtful = isinstance(error, InDoubt) and step.number not in self._continues
            state = StepState.UNKNOWN if doubtful else StepState.FAILED
            self._end(step, state, output=error.answered, error=str(error))
            raise
        finally:
            if step.state != StepState.STARTED:
                await self._save_or_keep(step)
        return output

    async def _save_or_keep(self, step: Step) -> None:
        """Where the database is away, the finish writes the step's end: what was done outside must not be forgotten."""
        try:
            await in_thread(step_rows.save_end, step)
        except (OperationalError, InterfaceError):
            self.unsaved.append(step)

    def _begin(
        self, number: int, kind: str, effect: Effect, key: str, params: dict[str, Any]
    ) -> Step:
        earlier = self._steps.get(number)
        now = clock.reckoned()
        step = Step(
            execution_id=self.execution.pk,
            number=number,
            kind=json.sanitise(kind[:50]),
            effect=effect,
            idempotency_key=key,
            state=StepState.STARTED,
            request=redact(json.sanitise(params), known=self.known),
            attempt=max(1, self.execution.attempt),
            started_at=earlier.started_at
            if earlier and earlier.state == StepState.STARTED
            else now,
        )
        if earlier:
            step.pk = earlier.pk
            step.decision = earlier.decision
            step.earlier = earlier.attempts_so_far()
            step._state.adding = False  # the row exists: this pass goes on with it
        self._steps[number] = step
        return step

    def _end(self, step: Step, state: StepState, *, output: Any = None, error: str = "") -> Any:
        """What people may read is written down; where that is not all, the whole of it too, encrypted."""
        step.state, step.finished_at = state, clock.reckoned()
        step.usage = self._taken.get(step.number, {})
        step.error_message = redact_text(json.sanitise(error[:5000]), known=self.known)
        whole = json.sanitise(output)
        step.response = redact(whole, known=self.known)
        step.sealed = "" if step.response == whole else encrypt(json.dumps(whole).decode())
        return output


async def _call(action: Action, scene: Scene, params: dict[str, Any]) -> Any:
    """The action itself: awaited where it is async, else called here where it does not block (effect none)."""
    result = action.perform(scene, params)
    return await result if inspect.isawaitable(result) else result
