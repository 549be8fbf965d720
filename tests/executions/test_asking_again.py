"""When a host that is away is asked again: by one at first, then by all of its runs, little by little."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import hosts
from agents.actions import ActionFailed, HostAway
from agents.models import FailingHost
from config.lib import clock
from crm.models import Workspace
from executions import executor, holding, sweep
from executions.models import Execution, Status
from tests.executions import providers
from tests.executions.providers import Provider, Run, ask_again, statuses

pytestmark = pytest.mark.django_db(transaction=True)
begin, provider = providers.begin, providers.provider


def test_a_probe_that_fails_is_another_run_each_time(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    provider.status = 500
    FailingHost.objects.create(
        workspace=begin(4, provider.step).workspace,
        host=provider.host,
        failures=3,
        failed_at=clock.now(),
        away_since=clock.now(),
        open_until=clock.now() + dt.timedelta(minutes=1),
    )
    run_everything_due()
    assert not provider.calls
    for _ in range(4):
        ask_again()
        run_everything_due()
    assert sorted(provider.calls.values()) == [1, 1, 1, 1]
    assert set(Execution.objects.values_list("status", "attempt", "holds")) == {("queued", 1, 2)}
    assert FailingHost.objects.get().trips == 4


def test_what_is_held_for_a_host_that_nobody_knows_goes_on(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run
) -> None:
    begin(3, provider.step)
    Execution.objects.update(held_for=provider.host, run_at=clock.now() + dt.timedelta(hours=1))
    assert holding.release() == 3
    run_everything_due()
    assert statuses() == {"completed": 3}


@pytest.mark.parametrize("is_back", [True, False])
def test_a_clock_that_was_set_back_holds_nobody(
    provider: Provider, begin: Callable[..., Any], acme: Workspace, *, is_back: bool
) -> None:
    begin(3, provider.step)
    now = clock.now()
    Execution.objects.update(held_for=provider.host, run_at=now)
    FailingHost.objects.create(
        workspace=acme,
        host=provider.host,
        failures=0 if is_back else 3,
        away_since=now,
        open_until=None if is_back else now,
        is_returning=is_back,
        return_rate=5.0,
        released_at=now + dt.timedelta(hours=2),
    )
    assert holding.release() == (3 if is_back else 1)


def test_the_moment_is_told_little_by_little(
    provider: Provider,
    begin: Callable[..., Any],
    acme: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holding, "MOVED_AT_ONCE", 2)
    monkeypatch.setattr(holding, "_said", {})
    begin(5, provider.step)
    now = clock.now()
    Execution.objects.update(held_for=provider.host, run_at=now)
    host = FailingHost.objects.create(workspace=acme, host=provider.host, away_since=now)
    for hours in (1, 2):
        host.open_until = now + dt.timedelta(hours=hours)
        host.save()
        told = []
        for _ in range(4):
            holding.release()
            told.append(Execution.objects.filter(run_at=host.open_until).count())
        assert told == [2, 4, 5, 5]
    with CaptureQueriesContext(connection) as seen:
        holding.release()
    assert not [one for one in seen if one["sql"].startswith("UPDATE")]
    FailingHost.objects.update(open_until=None)
    holding.release()
    holding.release()
    assert holding._said == {}


def test_the_return_is_spread_out(
    provider: Provider, begin: Callable[..., Any], run_everything_due: Run, settings: Any
) -> None:
    """No herd: 120 runs over 6 s or, on a busy machine, more; no second has more than twice those of 1 s."""
    settings.HOST_RETURN_SECONDS = 6.0
    provider.status = 503
    begin(120, provider.step)
    run_everything_due()
    Execution.objects.filter(status=Status.RETRYING).update(run_at=clock.now())
    run_everything_due()
    assert Execution.objects.held().count() == 120
    before = len(provider.times)
    provider.status = 200
    ask_again()
    end = time.monotonic() + 60
    while statuses()["completed"] < 120 and time.monotonic() < end:
        sweep.sweep()
        executor.drain()
        threading.Event().wait(0.25)
    assert statuses() == {"completed": 120}
    came = provider.times[before + 1 :]  # after the one that was sent ahead
    seconds = Counter(int(at - came[0]) for at in came)
    assert max(seconds.values()) <= 2 * 120 / settings.HOST_RETURN_SECONDS, seconds
    assert came[-1] - came[0] > settings.HOST_RETURN_SECONDS - 1.5
    assert max(provider.calls.values()) <= 3


class TestBreaker:
    """`agents.hosts` alone."""

    async def call(self, acme: Workspace, *, fails: ActionFailed | None = None) -> None:
        async with hosts.calling(acme.pk, "h.example:443") as call:
            await asyncio.sleep(0.3)
            if fails:
                raise fails
            call.answered = True

    def failure(self, **more: Any) -> ActionFailed:
        return ActionFailed("no", retryable=True, host="h.example:443", **more)

    def test_opens_after_failures_in_a_row(self, acme: Workspace, provider: Provider) -> None:
        async def story() -> list[type[BaseException] | None]:
            came: list[type[BaseException] | None] = []
            for fails in (True, True, False, True, True, True, False):
                try:
                    await self.call(acme, fails=self.failure() if fails else None)
                    came.append(None)
                except ActionFailed as error:
                    came.append(type(error))
            return came

        came = asyncio.run(story())
        assert came == [*[ActionFailed] * 2, None, *[ActionFailed] * 2, HostAway, HostAway]

    def test_only_one_asks_again(self, acme: Workspace, provider: Provider) -> None:
        for _ in range(3):
            hosts.note_failure(acme.pk, "h.example:443", error="no")
        ask_again()

        async def story() -> list[Any]:
            return await asyncio.gather(
                *(self.call(acme) for _ in range(20)), return_exceptions=True
            )

        came = Counter(type(one) for one in asyncio.run(story()))
        assert came == {type(None): 1, HostAway: 19}

    def test_waits_for_as_long_as_it_is_asked_to(self, acme: Workspace, provider: Provider) -> None:
        for _ in range(3):
            hosts.note_failure(acme.pk, "h.example:443", error="no", retry_after=3600.0)
        row = FailingHost.objects.get()
        assert row.open_until is not None
        assert row.open_until - clock.now() > dt.timedelta(minutes=59)

    def test_old_failures_do_not_count(self, acme: Workspace, provider: Provider) -> None:
        for _ in range(2):
            hosts.note_failure(acme.pk, "h.example:443", error="no")
        FailingHost.objects.update(failed_at=clock.now() - dt.timedelta(hours=1))
        assert hosts.note_failure(acme.pk, "h.example:443", error="no").failures == 1
