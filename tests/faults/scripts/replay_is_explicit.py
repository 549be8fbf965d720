"""A replay is told first, makes new rows, leaves the originals the same to the byte, and passes every gate again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from agents.models import AgentStatus
from crm import tokens
from crm.models import SCOPES, Membership, Role
from executions import launch
from executions.models import Execution
from tests.faults import peer, rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

AT_ONCE = 3


@script.register("P24", small=20, full=500)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    with peer.running() as other:
        agent = rows.agent("Asks", other.step("/work?ms=20", method="POST"), max_concurrent=AT_ONCE)
        rows.listen(agent, "asked")
        ground.start_all(agents=2)
        rows.happen("asked", size)
        done = until(lambda: rows.all_ended(size), seconds=60 + size)
        yield at_most("seconds until all have ended", done, 30 + size / 5)
        before, api = fingerprint(), owner()
        asked = {"filter": {"status": "completed"}}
        plan = api.post("/api/v1/executions/replay", {**asked, "dry_run": True}).json()
        yield exactly("runs that a dry run counts", plan["count"], size)
        yield exactly("requests that it would repeat", plan["repeats"], {"http_request": size})
        yield exactly("rows that it made", Execution.objects.count() - size, 0)
        told = api.post("/api/v1/executions/replay", asked).json()
        yield exactly("runs that the replay queued", told["queued"], size)
        done = until(lambda: rows.all_ended(2 * size), seconds=60 + size)
        yield at_most("seconds until all replays have ended", done, 30 + size / 5)
        again = dict(rows.statuses(replay_no=1))
        yield exactly("what became of the replays", again, {"completed": size})
        yield exactly("the originals", fingerprint(), before)
        yield exactly("the most at once", other.peak, AT_ONCE)
        yield exactly("requests", other.calls["/work?ms=20"], 2 * size)
        launch.pause(agent)
        first = Execution.objects.earliest("position")
        api.post(f"/api/v1/executions/{first.pk}/replay")
        refused = dict(rows.statuses(replay_no=2))
        yield exactly(
            "a replay while the agent is paused",
            refused,
            {f"skipped: agent_{AgentStatus.PAUSED}": 1},
        )


def fingerprint() -> str:
    """Of all that is stored of the original runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT md5(string_agg(execution::text || coalesce(step::text, ''), '|' ORDER BY execution.id))"
            " FROM executions_execution AS execution"
            " LEFT JOIN executions_step AS step ON step.execution_id = execution.id WHERE replay_no = 0"
        )
        return str(cursor.fetchone()[0])


def owner() -> APIClient:
    """A client that may do everything in the workspace."""
    user = User.objects.create_user("ann", "ann@example.org", "no-password-needed")
    Membership.objects.create(workspace=rows.workspace(), user=user, role=Role.OWNER)
    _, secret = tokens.issue(rows.workspace(), user=user, name="faults", scopes=list(SCOPES))
    client = APIClient(HTTP_HOST="localhost")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client
