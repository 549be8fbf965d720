"""Row 5b of the path: models judge conditions in words, before anything is counted or claimed.

Beside the runs, in the agents process: one Judge per driver, with places of its own and a lease of its own. A row is
asked about by one judge at a time; where that one dies, the row is only judged again, at no cost to its attempts. No
transaction is open while a model is asked. What comes of it is written by `executions.verdicts`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable

from django.conf import settings

from agents import llm
from agents.actions import ActionFailed, HostAway
from agents.llm import providers
from config.lib import clock, logs, measures
from config.lib.passing import is_passing
from config.lib.threads import in_thread
from executions import opinions, undecided, verdicts
from executions.answers import Answers
from executions.budgets import BudgetSpent, RunMeter
from executions.models import Execution
from executions.opinions import NO_MODEL, Asked, Finding, Inquiry, Outcome
from executions.performing import retry_wait
from executions.undecided import Work
from triggers import conditions, questions
from triggers.conditions import Question
from triggers.questions import Opinion

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Judge:
    """The places of one process. `changed` is called when something ended, `lease` is its name in the ledger."""

    def __init__(self, slots: int, *, changed: Callable[[], None]) -> None:
        self.slots = slots
        self.most_of_one = max(1, slots * 3 // 4)
        self.lease = uuid.uuid4()
        self.judged = 0
        self._changed = changed
        self._answers = Answers(self.lease)
        self._turn = undecided.Turn()
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._agents: dict[uuid.UUID, uuid.UUID] = {}  # of the rows that are being judged
        self._look = asyncio.Event()
        self._look.set()
        self._taking = False
        self._stopping = False
        self._strays_possible = (
            False  # a taking or a writing failed: rows may be ours that nobody asks about
        )

    @property
    def is_busy(self) -> bool:
        """Whether it has work, or has not looked since it was told to."""
        waits = self._look.is_set() and not self._stopping
        return bool(self._tasks) or self._taking or self._strays_possible or waits

    def look_soon(self) -> None:
        self._look.set()

    async def drive(self) -> None:
        """Takes rows whenever places are free, until it is cancelled."""
        while not self._stopping:
            self._taking = True
            self._look.clear()
            try:
                more = await self._take()
            except Exception:
                log.exception("nothing could be taken to judge now, trying again")
                more, self._strays_possible = False, True
            finally:
                self._taking = False
            if not more:
                self._changed()
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._look.wait()
        except TimeoutError:
            return

    async def _take(self) -> bool:
        """Begins what it can get; whether there may be more for it."""
        places = self.slots - len(self._tasks)
        if places <= 0 or not settings.TRIGGERS_ENABLED:
            return False
        held = Counter(self._agents.values())
        taken = await in_thread(
            undecided.take,
            lease=self.lease,
            places=places,
            turn=self._turn,
            held=held,
            most=self.most_of_one,
        )
        if not taken:
            return False
        works = await in_thread(undecided.load, taken, lease=self.lease)
        self.judged += len(taken)
        for work in works:
            pk, agent_id = work.execution.pk, work.execution.agent_id
            assert agent_id is not None
            self._agents[pk] = agent_id
            self._tasks[pk] = asyncio.create_task(self._judge(work))
        return len(works) < len(taken)

    # --- one row

    async def _judge(self, work: Work) -> None:
        pk = work.execution.pk
        logs.correlation_id.set(work.execution.correlation_id)
        try:
            await self._decide(work)
        except Exception:
            # The row goes back with the next beat; what was answered is remembered.
            log.exception("a verdict could not be written", extra={"execution": str(pk)})
            self._strays_possible = True
        finally:
            self._tasks.pop(pk, None)
            self._agents.pop(pk, None)
            self._look.set()
            self._changed()

    async def _decide(self, work: Work) -> None:
        inquiry = Inquiry(
            work.condition or conditions.ALWAYS, work.facts, fail_open=work.listener.fail_open
        )
        try:
            finding = (
                Finding(Outcome.ERROR, [], [], work.problem)
                if work.problem
                else await inquiry.go_on(lambda question: self._put(work, question))
            )
        except ActionFailed as error:
            wait = retry_wait(work.judgement.tries + 1, retry_after=error.retry_after)
            asked = list(inquiry.asked.values())
            await in_thread(verdicts.hold, work, asked, error, wait=wait, lease=self.lease)
            return
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("conditions broke", extra={"execution": str(work.execution.pk)})
            finding = Finding(Outcome.ERROR, [], [], f"Unexpected {type(error).__name__}.")
        await in_thread(verdicts.decide, work, finding, lease=self.lease)

    async def _put(self, work: Work, question: Question) -> Asked:
        """Asks one question. Raises ActionFailed where it is to be asked again later."""
        agent = work.agent
        model = providers.model_for(agent, question.model)
        one = opinions.begin(question, work.facts, model=model, secrets=work.secrets)
        known = work.known.get(question.path)
        if known is not None and known.fingerprint == one.fingerprint:
            return known
        if not model:
            one.fail(NO_MODEL)
            return one
        began = time.monotonic()
        try:
            opinion, one.from_cache = await self._answers.get(
                agent.workspace_id, agent.pk, one.fingerprint, lambda: _ask(work, question, model)
            )
        except llm.Unusable as error:
            one.refuse(str(error), error.usage)
        except BudgetSpent:
            raise
        except ActionFailed as error:
            if (error.retryable or isinstance(error, HostAway)) and not _is_overdue(work):
                raise
            one.fail(str(error))
        else:
            one.answer(opinion, question, secrets=work.secrets)
            measures.ANSWERS.add("remembered" if one.from_cache else "model")
            one.cost = None if one.from_cache else opinion.cost
        one.seconds = round(time.monotonic() - began, 3)
        return one

    # --- the lease

    async def watch(self) -> None:
        """Beats for the rows of this lease, lets go of those that somebody took away, and gives strays back."""
        beat_every = max(0.2, settings.LEASE_SECONDS / 6)
        last_beat = time.monotonic()
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, beat_every))
            if not self._tasks and not self._strays_possible:
                continue
            due = time.monotonic() - last_beat >= beat_every
            try:
                await self._look_after(beat=due)
            except Exception:
                log.exception("the heartbeat of a judge could not be written")
                continue
            last_beat = time.monotonic() if due else last_beat

    async def _look_after(self, *, beat: bool) -> None:
        ours, quiet = dict(self._tasks), not self._taking
        held = await in_thread(undecided.watch, self.lease, beat=beat)
        for pk, task in ours.items():
            if pk not in held and self._tasks.get(pk) is task:
                task.cancel()
        if quiet and not self._taking:
            self._strays_possible = False
            await self._give_back(held - self._tasks.keys() - ours.keys())

    async def _give_back(self, ids: Iterable[uuid.UUID]) -> None:
        if strays := list(ids):
            await in_thread(Execution.objects.unjudge, strays, lease=self.lease)
            self._look.set()

    async def stop(self, *, grace: float) -> None:
        """Takes nothing more, lets what is asked come to its end for a while, and gives the rest back."""
        self._stopping = True
        self._look.set()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks.values()), timeout=grace)
        rest = dict(self._tasks)
        for task in rest.values():
            task.cancel()
        if rest:
            await asyncio.wait(tuple(rest.values()), timeout=5)
            await self._give_back(rest)


async def _ask(work: Work, question: Question, model: str) -> Opinion:
    agent = work.agent
    began = time.monotonic()
    try:
        return await questions.ask(
            question,
            work.facts,
            workspace_id=agent.workspace_id,
            model=model,
            meter=RunMeter(agent.workspace_id, agent.pk, work.execution.pk),
            seconds=settings.JUDGE_CALL_SECONDS,
            secrets=work.secrets,
        )
    finally:
        measures.JUDGE.observe(time.monotonic() - began)


def _is_overdue(work: Work) -> bool:
    since = work.judgement.failed_since
    patience = dt.timedelta(seconds=settings.JUDGE_RETRY_SECONDS)
    return since is not None and clock.reckoned() - since >= patience
