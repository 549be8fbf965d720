"""Answers of models that are asked for once per content, however many events ask the same, in whatever process.

    opinion, is_known = await answers.get(work.workspace_id, agent_id, fingerprint, ask)

Kept in the database (`RememberedAnswer`) for JUDGE_CACHE_SECONDS, by workspace. Who asks first says so in its row; the
others wait for that answer. Failures are not kept: all who waited in this process share one, the next one asks again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable

from django.conf import settings

from agents.llm import Usage
from config.lib import clock
from config.lib.threads import in_thread
from executions import statements
from executions.models import RememberedAnswer
from triggers.questions import Opinion

LOOK_SECONDS = 0.25  # how often somebody else's answer is looked for
_SLACK_SECONDS = 15.0  # between the end of a call and the end of the right to it

Ask = Callable[[], Awaitable[Opinion]]
_Key = tuple[uuid.UUID, uuid.UUID, str]
_Found = tuple[Opinion, bool]


class Answers:
    """Those of one event loop. `lease`: the judge's, so that others go on where it dies."""

    def __init__(self, lease: uuid.UUID) -> None:
        self._lease = lease
        self._asking: dict[_Key, asyncio.Task[_Found]] = {}

    async def get(
        self, workspace_id: uuid.UUID, agent_id: uuid.UUID, fingerprint: str, ask: Ask
    ) -> tuple[Opinion, bool]:
        """The answer, and whether it was there already. Raises what `ask` raises. A caller who is cancelled leaves the
        question to the others, and to those who come later.
        """
        if not settings.JUDGE_CACHE_SECONDS:
            return await ask(), False
        key = (workspace_id, agent_id, fingerprint)
        task = self._asking.get(key)
        is_first = task is None
        if task is None:
            task = asyncio.create_task(_once(workspace_id, fingerprint, ask, self._lease))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        opinion, is_known = await asyncio.shield(task)
        return opinion, is_known or not is_first

    def _forget(self, key: _Key, done: asyncio.Task[_Found]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # looked at, also where nobody waits any more


async def _once(workspace_id: uuid.UUID, fingerprint: str, ask: Ask, lease: uuid.UUID) -> _Found:
    while True:
        if found := await in_thread(_recall, workspace_id, fingerprint):
            return found, True
        if await in_thread(_take, workspace_id, fingerprint, lease):
            break
        await asyncio.sleep(LOOK_SECONDS)
    try:
        opinion = await ask()
    except BaseException:  # a cancelled one too: others would wait for an answer that never comes
        await in_thread(RememberedAnswer.objects.drop, workspace_id, fingerprint)
        raise
    await in_thread(_keep, workspace_id, fingerprint, opinion)
    return opinion, False


def _since(now: dt.datetime) -> dt.datetime:
    return now - dt.timedelta(seconds=settings.JUDGE_CACHE_SECONDS)


def _take(workspace_id: uuid.UUID, fingerprint: str, lease: uuid.UUID) -> bool:
    now = clock.now()
    patience = dt.timedelta(seconds=settings.JUDGE_CALL_SECONDS + _SLACK_SECONDS)
    asked = {"workspace": workspace_id, "fingerprint": fingerprint, "since": _since(now)}
    asked["lease"] = lease
    return bool(statements.run("take_answer", {**asked, "now": now, "until": now + patience}))


def _recall(workspace_id: uuid.UUID, fingerprint: str) -> Opinion | None:
    since = _since(clock.now())
    kept = RememberedAnswer.objects.recall(workspace_id, fingerprint, since=since)
    return None if kept is None else Opinion(**{**kept, "usage": Usage(), "cost": None})


def _keep(workspace_id: uuid.UUID, fingerprint: str, opinion: Opinion) -> None:
    RememberedAnswer.objects.keep(
        workspace_id, fingerprint, opinion=opinion.as_json(), at=clock.now()
    )
