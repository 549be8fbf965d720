"""A conversation goes on after its process was killed, by the same path: no finished tool is used again.

Agents are killed while their model is asked for the first time, and while it is asked again after a tool that writes a
note. One whose tool was in the middle of a payment outside is left to a person.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from agents.models import Agent
from crm.models import Contact, Note
from executions.models import Execution
from tests.agents.modelserver import ModelServer, Say, model_server
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

BEGINS, GOES_ON, PAYS = "Begins", "Goes on", "Pays"
NOTE = Say(calls=[("create_note", {"text": "Asked for a price."})])
PAYMENT = Say(calls=[("http_request", {})])
FINE = Say("Fine.")
STUCK = Say("Too late.", delay=600)
NO_LIMITS: dict[str, Any] = {"max_executions_per_minute": None, "max_executions_per_day": None}


class _Mind:
    """Answers by who asks and how much was said; `is_stuck` says at which of these it gives no answer."""

    def __init__(self) -> None:
        self.is_stuck = True
        self.asked: Counter[tuple[str, int]] = Counter()  # by who, and how many tools were used

    def __call__(self, body: dict[str, Any]) -> Say:
        who = next(name for name in (BEGINS, GOES_ON, PAYS) if name in json.dumps(body))
        used = sum(message["role"] == "tool" for message in body["messages"])
        self.asked[who, used] += 1
        if self.is_stuck and (who, used) in {(BEGINS, 0), (GOES_ON, 1)}:
            return STUCK
        if used:
            return FINE
        return PAYMENT if who == PAYS else NOTE


def _talker(name: str, model: ModelServer, tool: Any) -> None:
    agent = rows.thinker(name, model.url("/v1"), **NO_LIMITS)
    about = {"instructions": f"You are {name}.", "tools": [tool]}
    Agent.objects.filter(pk=agent.pk).update(**about)
    rows.listen(agent, name.casefold().replace(" ", "_"))


@script.register("P8", small=6, full=40, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    mind = _Mind()
    with peer.running() as other, model_server() as model:
        model.think = mind
        subject = str(Contact.objects.create(workspace=rows.workspace(), email="a@example.org").pk)
        note = {"action": "create_note", "params": {"contact_id": subject}}
        pay = {"url": other.url("/hold?pay"), "method": "POST"}
        _talker(BEGINS, model, note)
        _talker(GOES_ON, model, note)
        _talker(PAYS, model, {"action": "http_request", "params": pay})
        (agents,) = ground.start_all()
        rows.happen("begins", size)
        rows.happen("goes_on", size)
        rows.happen("pays")
        all_stuck = until(lambda: model.at_work == 2 * size and other.under_way == 1)
        yield at_most("seconds until all are in the middle", all_stuck, 60)
        taken = Execution.objects.filter(losses__gt=0).count()
        yield exactly("runs taken from a living process", taken, 0)
        agents.kill()
        mind.is_stuck = False
        ground.start("agents")
        ended = until(lambda: rows.all_ended(2 * size + 1), seconds=60 + size)
        yield at_most("seconds from the kill to the last end", ended, 30 + size)
        yield from _same_path(size)
        yield exactly("first questions of who was asked again", mind.asked[GOES_ON, 0], size)
        yield exactly("notes", Note.objects.count(), 2 * size)
        in_doubt = dict(rows.statuses(agent_name=PAYS))
        yield exactly("the payment in doubt", in_doubt, {"interrupted": 1})
        yield exactly("times that it was sent", other.calls["/hold?pay"], 1)
        yield exactly("questions about it", mind.asked[PAYS, 0] + mind.asked[PAYS, 1], 1)


def _same_path(size: int) -> Iterator[Figure]:
    talks = Execution.objects.filter(agent_name__in=[BEGINS, GOES_ON])
    paths = Counter(
        (run.status, *(f"{step.kind} {step.state}" for step in run.steps.order_by("number")))
        for run in talks.prefetch_related("steps")
    )
    path = ("completed", "model done", "create_note done", "model done")
    yield exactly("paths of the conversations", dict(paths), {path: 2 * size})
