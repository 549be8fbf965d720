"""The live list."""

from __future__ import annotations

from executions.models import Execution
from executions.pages import feed
from tests.executions.pages.conftest import World, make_event, make_execution


def test_an_event_with_many_runs_hides_none_of_the_others(world: World) -> None:
    many = make_event(world.workspace)
    made = make_execution(many, world.trigger)
    run = Execution.objects.get(pk=made.pk)
    for replay_no in range(1, feed.SHOWN * 5):
        run.pk, run.replay_no, run._state.adding = make_event(world.workspace).pk, replay_no, True
        run.save(force_insert=True)
    many.executions_count = Execution.objects.filter(event=many).count()
    many.save()
    shown = {one.event.pk: one for one in feed.newest(world.workspace, limit=50)}
    assert [run.pk for run in shown[world.event.pk].executions] == [world.execution.pk]
    assert len(shown[many.pk].executions) == feed.SHOWN
    assert shown[many.pk].more == feed.SHOWN * 4
