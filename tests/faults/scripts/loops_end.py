"""Agents that lead back to themselves stop: after one run per trigger, and where they may re-enter, after a few more.

An agent that causes its own event, and two that cause each other's: by changing a record, by emitting an event, by
starting each other, by a webhook of our own web server. `size` is how many such chains begin at once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import Max, Sum

from crm import submissions
from crm.models import Contact
from executions import launch
from executions.models import Alert, AlertKind, Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until
from triggers.models import Event

DEEPEST, MOST_RUNS, MOST_FOR_ONE_RECORD = 5, 50, 10
MOST_ALERTS = 10  # eight triggers stop, one of them by more than one bound
TITLE = {"action": "update_contact", "params": {"title": "@contact.title!"}}


def emits(name: str) -> dict[str, Any]:
    return {"action": "emit_event", "params": {"name": name, "data": {}}}


def sends_form(url: str) -> dict[str, Any]:
    """Comes back as an event without a cause."""
    address = f"{url}/api/workspaces/{rows.workspace().slug}/webhooks/form-submitted"
    params = {"url": address, "method": "POST", "json": {"email": "@contact.email"}}
    return {"action": "http_request", "params": params}


def starts(name: str) -> dict[str, Any]:
    return {"action": "run_agent", "params": {"agent": name}}


@script.register("P23", small=2, full=50)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    rows.listen(rows.agent("Titles", TITLE), "contact_updated")
    rows.listen(rows.agent("Echoes", emits("echo")), "echo")
    rows.listen(rows.agent("Pings", emits("pong")), "ping")
    rows.listen(rows.agent("Pongs", emits("ping")), "pong")
    calls = [rows.agent("Calls A", starts("Calls B")), rows.agent("Calls B", starts("Calls A"))]
    rows.listen(
        rows.agent("Branches", emits("branch"), emits("branch")), "branch", allow_reentry=True
    )
    rows.listen(rows.agent("Sends forms", sends_form(ground.url)), "form_submitted")
    people = [
        Contact.objects.create(
            workspace=rows.workspace(), title="CEO", email=f"{number}@example.org"
        )
        for number in range(size)
    ]
    ground.start_all()
    ground.start("web")
    for contact in people:
        contact.title = "Boss"
        contact.save()
        rows.happen("echo")
        rows.happen("ping")
        launch.run_now(calls[0], inputs={}, actor="system")
        rows.happen("branch")
        submissions.submit(None, {"email": contact.email}, workspace=contact.workspace)
    yield at_most("seconds until all is quiet", until(is_quiet, seconds=60 + size), 30 + size)
    for name in ("Titles", "Echoes", "Pings", "Pongs", "Calls A", "Calls B"):
        yield exactly(
            f"runs of {name} for {size} beginnings",
            rows.statuses(agent_name=name)["completed"],
            size,
        )
    stopped = (
        Execution.objects.filter(reason="loop_guard")
        .exclude(agent_name__in=["Branches", "Sends forms"])
        .count()
    )
    yield exactly("skips with the reason", stopped, 4 * size)
    branches = Execution.objects.filter(agent_name="Branches", status="completed")
    deepest = branches.aggregate(depth=Max("event__depth"))["depth"]
    yield at_most("the deepest of those that may re-enter", deepest, DEEPEST)
    per_root = Counter(branches.values_list("event__root_id", flat=True))
    yield at_most("runs of one beginning", max(per_root.values(), default=None), MOST_RUNS)
    forms = rows.statuses(agent_name="Sends forms")
    yield exactly(
        "runs of the loop through the web", forms["completed"], size * MOST_FOR_ONE_RECORD
    )
    alerts = Alert.objects.filter(kind=AlertKind.LOOP)
    yield at_most("alerts, one for a trigger and bound", alerts.count(), MOST_ALERTS)
    counted = alerts.aggregate(times=Sum("times"))["times"]
    yield exactly(
        "stops that they count", counted, Execution.objects.filter(reason="loop_guard").count()
    )


def is_quiet() -> bool:
    """Nothing new, nothing on its way."""
    return not Event.objects.filter(state="new").exists() and rows.all_ended(1)
