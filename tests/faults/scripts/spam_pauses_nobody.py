"""However much spam a public form gets, an agent works for what happens in the CRM, and is paused by none of it."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from agents.models import Agent, AgentStatus
from crm.models import Contact
from executions.models import Alert, AlertKind, Execution
from tests.faults import rows, script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_most, exactly, until

A_DAY, SALES, AT_ONCE = 20, 5, 8


@script.register(small=60, full=10_000)
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    greets = rows.agent("Greets", max_executions_per_day=A_DAY)
    rows.listen(greets, "contact_created")
    ground.start_all(agents=2)
    ground.start("web")
    url = f"{ground.url}/api/workspaces/{rows.workspace().slug}/webhooks/form-submitted"

    def spam(number: int) -> int:
        body = json.dumps({"email": f"spam{number}@example.org", "name": "Buy now"}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)

    yield at_most("seconds until the first answer", until(lambda: _answers(ground.url)), 60)
    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(spam, range(size)))
    yield exactly("posts that were taken", answers.count(200), size)
    for number in range(SALES):
        Contact.objects.create(workspace=rows.workspace(), email=f"real{number}@example.org")
    done = until(lambda: rows.all_ended(size + SALES), seconds=120 + size / 20)
    yield at_most("seconds until the last end", done, 60 + size / 40)
    spam_runs, real_runs = (
        dict(rows.statuses(is_unsigned=is_unsigned)) for is_unsigned in (True, False)
    )
    asked = {"completed": A_DAY // 2, "skipped: daily_limit": size - A_DAY // 2}
    yield exactly("what became of the spam", spam_runs, asked)
    yield exactly("what became of real contacts", real_runs, {"completed": SALES})
    yield exactly("the agent", Agent.objects.get(pk=greets.pk).status, AgentStatus.LIVE)
    yield exactly("alerts", Alert.objects.filter(kind=AlertKind.DAILY_LIMIT).count(), 1)
    yield exactly("executions", Execution.objects.count(), size + SALES)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5):
            return True
    except OSError:
        return False
