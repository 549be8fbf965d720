"""One row per cause, told at once."""

from __future__ import annotations

from typing import Any

import pytest

from config.lib import clock
from crm.models import Workspace
from executions import alerts, live
from executions.models import Alert, AlertKind
from tests.stories import MakeAgent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types of the notices that left, at our own door."""
    told: list[str] = []

    def take(items: list[Any]) -> None:
        told.extend(notice["type"] for _, _, notice in items)

    monkeypatch.setattr(live, "_enqueue", take)
    return told


def test_a_cause_is_raised_and_told_once(acme: Workspace, news: list[str]) -> None:
    raised = [
        alerts.raise_alert(acme.pk, AlertKind.LOOP, "Round", dedupe_key="x") for _ in range(3)
    ]
    assert raised == [True, False, False]
    assert news == ["alert:raised"]


def test_a_cause_that_is_over_closes_its_alert(acme: Workspace, news: list[str]) -> None:
    alerts.raise_alert(acme.pk, AlertKind.HOST_AWAY, "Away", dedupe_key="host:1")
    found = alerts.open_ones(AlertKind.HOST_AWAY)
    assert list(found) == [(acme.pk, "host:1")]
    assert alerts.close(found.values(), now=clock.now()) == 1
    assert alerts.open_ones(AlertKind.HOST_AWAY) == {}
    assert news == ["alert:raised", "alerts:changed"]
    assert alerts.raise_alert(acme.pk, AlertKind.HOST_AWAY, "Away", dedupe_key="host:1")


def test_the_first_one_who_saw_it_is_kept(acme: Workspace, owner: Any, member: Any) -> None:
    alerts.raise_alert(acme.pk, AlertKind.LOOP, "Round", dedupe_key="x")
    bob, mine, now = member("bob"), Alert.objects.all(), clock.now()
    assert alerts.see(mine, user_id=owner.pk, now=now) == 1
    assert alerts.see(mine, user_id=bob.pk, now=now) == 0
    assert alerts.resolve(mine, user_id=bob.pk, now=now) == 1
    alert = Alert.objects.get()
    assert (alert.seen_by_id, alert.resolved_by_id) == (owner.pk, bob.pk)


def test_what_it_is_about_is_its_cause(acme: Workspace, make_agent: MakeAgent) -> None:
    agent = make_agent("A")
    alerts.raise_alert(acme.pk, AlertKind.POISON, "Bad", dedupe_key="1", agent=agent)
    alerts.raise_alert(acme.pk, AlertKind.DEAD_EVENT, "Bad", dedupe_key="2")
    causes = Alert.objects.order_by("id").values_list("cause", flat=True)
    assert list(causes) == [f"poison:{agent.pk}", "dead_event:"]


def test_what_happens_again_is_counted_on_the_open_alert(acme: Workspace, news: list[str]) -> None:
    for times in (1, 2, 3):
        alerts.raise_alert(acme.pk, AlertKind.LOOP, "Round", dedupe_key="x", times=times)
    alert = Alert.objects.get()
    assert alert.times == 6
    assert alert.last_at is not None
    assert news == ["alert:raised"]
    alerts.resolve(Alert.objects.all(), user_id=None, now=clock.now())
    alerts.raise_alert(acme.pk, AlertKind.LOOP, "Round", dedupe_key="x")
    assert sorted(Alert.objects.values_list("times", flat=True)) == [1, 6]
