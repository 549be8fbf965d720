"""An event that kills whoever looks at it: it dies in the end, and its neighbours go on."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from django.db import connection

from crm.models import Workspace
from executions import deciding, dispatcher, turns
from executions.models import Alert, AlertKind, Execution
from tests.stories import MakeAgent, MakeTrigger
from triggers import events
from triggers.models import Event, EventState

NOTIFY = {"action": "notify", "params": {"message": "Hi"}}


def dispatch_in_a_child(monkeypatch: pytest.MonkeyPatch) -> bool:
    """As a worker's child would; whether it lived. `deadly` events kill it in the middle of its batch."""
    connection.close()
    pid = os.fork()
    if pid == 0:
        decide = deciding.decide

        def die(event: Event, *args: Any, **kwargs: Any) -> Any:
            if event.payload.get("deadly"):
                os._exit(9)
            return decide(event, *args, **kwargs)

        monkeypatch.setattr(deciding, "decide", die)
        try:
            dispatcher.dispatch()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


@pytest.mark.django_db(transaction=True)
def test_an_event_that_kills_its_dispatcher_dies_and_its_neighbours_go_on(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_trigger(make_agent("A", NOTIFY), "sale")
    pks = [
        events.emit("sale", workspace_id=acme.pk, payload={"deadly": number == 1}).pk
        for number in range(4)
    ]
    assert not dispatch_in_a_child(monkeypatch)  # with the whole batch
    assert Execution.objects.count() == 0
    assert not dispatch_in_a_child(monkeypatch)  # alone
    late = events.emit("sale", workspace_id=acme.pk, payload={})
    deaths = 2
    while not dispatch_in_a_child(monkeypatch):
        deaths += 1
        assert set(Execution.objects.values_list("event", flat=True)) >= {pks[0], late.pk}
        assert deaths < 20
    assert deaths == 1 + dispatcher.MAX_ATTEMPTS
    deadly = Event.objects.get(pk=pks[1])
    assert (deadly.state, deadly.attempts) == (EventState.DEAD, dispatcher.MAX_ATTEMPTS)
    assert "died" in deadly.error
    assert Alert.objects.get().kind == AlertKind.DEAD_EVENT
    assert Execution.objects.count() == 4
    assert not Event.objects.filter(state=EventState.NEW).exists()


@pytest.mark.django_db
def test_a_batch_that_raised_has_ended(acme: Workspace) -> None:
    with pytest.raises(ValueError, match="no"), turns.take():
        raise ValueError("no")
    with turns.take() as turn:
        assert not turn.after_a_death


@pytest.mark.django_db(transaction=True)
def test_dispatchers_that_follow_at_once_take_each_other_for_alive() -> None:
    deaths: list[bool] = []

    def follow() -> None:
        for _ in range(50):
            with turns.take() as turn:
                deaths.append(turn.after_a_death)
        connection.close()

    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert deaths == [False] * 100


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_is_no_death() -> None:
    with pytest.raises(ValueError, match="broken"), turns.take():
        raise ValueError("broken")
    with turns.take() as turn:
        assert not turn.after_a_death
