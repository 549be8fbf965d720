"""Events that a model judges outlive their judge: each is judged again, and what was answered is not asked anew."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from agents.models import Agent
from executions.models import Execution
from tests.agents.modelserver import ModelServer, Say, model_server
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers import events

ASKS = {"type": "llm", "description": "It is about an order.", "model": "local:any"}
STUCK = Say("Too late.", delay=600)
_NUMBER = re.compile(r"number\W+(\d+)")


def _answer(match: bool) -> Say:
    verdict = {"match": match, "reason": "Told.", "evidence": "", "confidence": 1}
    return Say(calls=[("answer", verdict)])


class _Mind:
    """Every third event is met, every third is not, and every third gets no answer while it `is_stuck`."""

    def __init__(self) -> None:
        self.is_stuck = True
        self.asked: Counter[int] = Counter()

    def __call__(self, body: dict[str, Any]) -> Say:
        found = _NUMBER.search(json.dumps(body["messages"][1:]))
        number = int(found[1]) if found else -1
        self.asked[number] += 1
        if self.is_stuck and number % 3 == 2:
            return STUCK
        return _answer(number % 3 != 1)


def _listen(model: ModelServer) -> None:
    who = rows.thinker("Judged", model.url("/v1"))
    Agent.objects.filter(pk=who.pk).update(steps=[rows.NOTIFY], model="", instructions="")
    rows.listen(who, "ordered", conditions=ASKS)


@script.register("P8", small=9, full=45, settings=script.QUICK)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    mind, third = _Mind(), size // 3
    with model_server() as model:
        model.think = mind
        _listen(model)
        (agents,) = ground.start_all()
        for number in range(size):
            pk = rows.workspace().pk
            made = events.emit("ordered", workspace_id=pk, payload={"number": number})
            rows.accepted.append(made.pk)
        all_stuck = until(lambda: _decided() == 2 * third and model.at_work == third)
        yield at_most("seconds until the rest is in the middle of a call", all_stuck, 60)
        agents.kill()
        mind.is_stuck = False
        ground.start("agents")
        ended = until(lambda: rows.all_ended(size), seconds=60)
        yield at_most("seconds from the kill to the last end", ended, 30)
        wanted = {"completed": 2 * third, "skipped: condition_false": third}
        yield exactly("ends", dict(rows.statuses()), wanted)
        attempts = Execution.objects.filter(status="completed").values_list("attempt", "losses")
        yield exactly("attempts and losses of who ran", set(attempts), {(1, 0)})
        again = {number for number, times in mind.asked.items() if times > 1}
        yield exactly("asked about again", len(again), third)


def _decided() -> int:
    return Execution.objects.filter(status__in=["completed", "skipped"]).count()
