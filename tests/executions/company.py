"""A company in which anything may happen in any order: two workers, a reaper, a host outside, people, and the clock."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.models import Agent, AgentStatus, FailingHost
from crm.models import Workspace
from executions import (
    dispatcher,
    finish,
    invariants,
    launch,
    queue,
    reaper,
    replay,
    resolving,
    sweep,
)
from executions.models import TERMINAL, AgentGate, Execution, Losses, Status, Step, StepState
from executions.outcome import Outcome
from executions.resolving import Resolution
from triggers import blueprint, events
from triggers.models import Event, Trigger, TriggerStatus

NOON = dt.datetime(
    2100, 6, 1, 12, tzinfo=dt.UTC
)  # later than what statements read from the server's own clock
NOTIFY = {"action": "notify", "params": {"message": "Hi"}}
HOST = "api.example.org:443"
PER_MINUTE, PER_DAY, AT_ONCE = 4, 9, 2
ROUNDS_TO_QUIET = 60
LIMITS: dict[str, dict[str, int | None]] = {
    "Calm": {"max_executions_per_minute": PER_MINUTE, "max_executions_per_day": PER_DAY},
    "Busy": {"max_executions_per_minute": None, "max_executions_per_day": None},
}
HOW = ["completed", "failed", "retrying", "given back", "held", "interrupted"]
Agents = st.sampled_from(["Calm", "Busy"])
Workers = st.sampled_from(["one", "two"])


class Company(RuleBasedStateMachine):
    """An agent with every limit and one with a limit at once only, a trigger each, hearing the same events."""

    moment: list[dt.datetime]

    def __init__(self) -> None:
        super().__init__()
        self._savepoint = transaction.atomic()
        self._savepoint.__enter__()
        self.moment[0] = NOON
        self.workspace = Workspace.objects.create(name="Acme", slug="acme")
        self.agents = {name: self._agent(name) for name in LIMITS}
        self.leases = {"one": uuid.uuid4(), "two": uuid.uuid4()}
        self.held: dict[str, list[Execution]] = {"one": [], "two": []}
        self.lost: list[tuple[uuid.UUID, Execution]] = []
        self.ended: dict[uuid.UUID, Any] = {}
        self.completions: Counter[uuid.UUID] = Counter()

    def _agent(self, name: str) -> Agent:
        agent = Agent.objects.create(
            workspace=self.workspace,
            name=name,
            steps=[NOTIFY],
            status=AgentStatus.LIVE,
            restrictions={"max_concurrent": AT_ONCE, **LIMITS[name]},
        )
        self._trigger(agent)
        return agent

    def _trigger(self, agent: Agent) -> None:
        trigger = Trigger(workspace=self.workspace, agent=agent)
        given = {
            "name": agent.name,
            "agent_id": str(agent.pk),
            "trigger_type": "custom",
            "config": {"endpoint": "sale"},
        }
        blueprint.store(trigger, given)

    def teardown(self) -> None:
        try:
            self.everything_ends()
        finally:
            transaction.set_rollback(True)
            self._savepoint.__exit__(None, None, None)

    # --- what may happen --------------------------------------------------------------------------------------------
    @rule(count=st.integers(1, 4))
    def something_happens(self, count: int) -> None:
        events.emit_many(
            [events.Draft("sale", self.workspace.pk, payload={}) for _ in range(count)]
        )

    @rule()
    def dispatch(self) -> None:
        dispatcher.dispatch()

    @rule(worker=Workers, places=st.integers(1, 5))
    def claim(self, worker: str, places: int) -> None:
        take = partial(queue.claim, lease=self.leases[worker], worker=worker, now=self.moment[0])
        ids = [
            *take(places=places),
            *take(places=1, losses=Losses.ONE),
            *take(places=1, losses=Losses.MORE),
        ]
        self.held[worker] += Execution.objects.select_related("agent", "event").filter(pk__in=ids)

    @precondition(lambda self: any(self.held.values()))
    @rule(worker=Workers, how=st.sampled_from(HOW))
    def finish(self, worker: str, how: str) -> None:
        if self.held[worker]:
            self._end([self.held[worker].pop(0)], lease=self.leases[worker], how=how)

    @rule(worker=Workers, is_amid=st.booleans())
    def a_worker_dies(self, worker: str, *, is_amid: bool) -> None:
        """Its runs, which may be amid an action outside, are taken away; it is only hung, though, and will come with
        its ends later.
        """
        lease = self.leases[worker]
        for execution in Execution.objects.filter(lease=lease) if is_amid else ():
            Step.objects.update_or_create(
                execution=execution,
                number=1,
                defaults={
                    "kind": "http_request",
                    "effect": "outside",
                    "idempotency_key": f"{execution.pk}:1",
                    "state": StepState.STARTED,
                    "started_at": self.moment[0],
                },
            )
        reaper._take_away(lease)
        self.lost += [(lease, execution) for execution in self.held[worker]]
        self.held[worker] = []
        self.leases[worker] = uuid.uuid4()

    @precondition(lambda self: self.lost)
    @rule()
    def it_comes_back_with_its_end(self) -> None:
        lease, execution = self.lost.pop(0)
        assert self._end([execution], lease=lease, how="completed") == 0

    @rule(seconds=st.floats(0.001, 90))
    def time_passes(self, seconds: float) -> None:
        self.moment[0] += dt.timedelta(seconds=seconds)

    @rule(seconds=st.floats(0.001, 4))
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.moment[0] -= dt.timedelta(seconds=seconds)

    @rule()
    def tick(self) -> None:
        sweep.sweep()

    @rule(name=Agents, status=st.sampled_from([AgentStatus.PAUSED, AgentStatus.LIVE]))
    def somebody_switches_an_agent(self, name: str, status: AgentStatus) -> None:
        Agent.objects.change_status(self.agents[name].pk, to=status, now=self.moment[0])
        AgentGate.objects.filter(pk=self.agents[name].pk).update(pause_reason="")

    @rule(name=Agents, status=st.sampled_from([TriggerStatus.PAUSED, TriggerStatus.ACTIVE]))
    def somebody_switches_a_trigger(self, name: str, status: TriggerStatus) -> None:
        Trigger.objects.filter(agent=self.agents[name], is_builtin=False).update(status=status)

    @rule(data=st.data())
    def somebody_cancels(self, data: st.DataObject) -> None:
        if rows := list(Execution.objects.exclude(status__in=TERMINAL).order_by("position")):
            launch.cancel(data.draw(st.sampled_from(rows)))

    @rule(data=st.data())
    def somebody_replays(self, data: st.DataObject) -> None:
        whole = Execution.objects.filter(trigger__isnull=False, agent__isnull=False)
        if rows := list(whole.filter(status__in=TERMINAL).order_by("position")):
            replay.replay(data.draw(st.sampled_from(rows)))

    @rule(data=st.data(), resolution=st.sampled_from(Resolution))
    def somebody_decides(self, data: st.DataObject, resolution: Resolution) -> None:
        if rows := list(Execution.objects.filter(status="interrupted").order_by("position")):
            with suppress(resolving.CannotResolve):  # its agent or trigger is switched off, or gone
                resolving.resolve(data.draw(st.sampled_from(rows)), resolution, by="Ann")

    @rule(seconds=st.sampled_from([None, 0, 5, 60]))
    def the_host_goes_or_comes_back(self, seconds: int | None) -> None:
        until = self.moment[0] + dt.timedelta(seconds=seconds) if seconds is not None else None
        FailingHost.objects.update_or_create(
            workspace=self.workspace,
            host=HOST,
            defaults={"open_until": until, "away_since": self.moment[0], "is_returning": False},
        )

    @rule(name=Agents)
    def somebody_replaces_a_trigger(self, name: str) -> None:
        Trigger.objects.filter(agent=self.agents[name], is_builtin=False).delete()
        self._trigger(self.agents[name])

    @rule(name=Agents)
    def somebody_replaces_an_agent(self, name: str) -> None:
        Agent.objects.get(pk=self.agents[name].pk).delete()
        self.agents[name] = self._agent(name)

    def _end(self, executions: list[Execution], *, lease: uuid.UUID, how: str) -> int:
        later = self.moment[0] + dt.timedelta(seconds=5)
        status = Status.QUEUED if how in {"given back", "held"} else Status(how)
        count = finish.finish(
            [
                Outcome(
                    execution,
                    status,
                    run_at=later if how in {"retrying", "held"} else None,
                    resumes=status == Status.QUEUED,
                    held_for=HOST if how == "held" else "",
                )
                for execution in executions
            ],
            lease=lease,
        )
        if count and how == "completed":
            self.completions.update(execution.pk for execution in executions)
        return count

    # --- what must hold ---------------------------------------------------------------------------------------------
    @invariant()
    def the_ledger_is_sound(self) -> None:
        assert [str(broken) for broken in invariants.broken()] == []

    @invariant()
    def what_ended_stays_as_it_was(self) -> None:
        now: dict[uuid.UUID, Any] = {
            row["id"]: row
            for row in Execution.objects.filter(status__in=TERMINAL).values(
                "id", "status", "reason", "started_at", "finished_at", "attempt", "output"
            )
        }
        assert {pk: now.get(pk) for pk in self.ended} == self.ended
        self.ended = now
        assert all(count == 1 for count in self.completions.values())

    @invariant()
    def limits_are_exact(self) -> None:
        for agent in self.agents.values():
            running = Execution.objects.filter(agent=agent, status=Status.RUNNING).count()
            assert running <= AT_ONCE
        calm = Execution.objects.filter(agent=self.agents["Calm"], started_at__isnull=False)
        assert calm.exclude(status=Status.SKIPPED).count() <= PER_DAY

    def everything_ends(self) -> None:
        """Once people have decided and leave all alone, and the host is back, nothing stays behind."""
        FailingHost.objects.update(open_until=None)
        for execution in Execution.objects.filter(status="interrupted"):
            resolving.resolve(execution, Resolution.CANCEL, by="Ann")
        for _ in range(ROUNDS_TO_QUIET):
            self.time_passes(90)  # in all, more than the hour of a trigger's window
            sweep.sweep()
            dispatcher.dispatch()
            for worker in self.held:
                self.claim(worker, 5)
                while self.held[worker]:
                    self.finish(worker, "completed")
            if not self._waiting():
                break
        assert not self._waiting()
        self.the_ledger_is_sound()

    @staticmethod
    def _waiting() -> list[Any]:
        left = Execution.objects.exclude(status__in=TERMINAL).values_list("status", "reason")
        return [*Event.objects.filter(state="new"), *left]
