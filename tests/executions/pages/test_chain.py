"""The tree of what led to what."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from crm.models import Workspace
from executions.models import Execution
from executions.pages import chain
from tests.executions.pages.conftest import MakeWorld, World, make_event, make_execution
from triggers.models import Event

Grown = tuple[list[Event], list[Execution]]


@pytest.fixture
def grown(world: World) -> Grown:
    """Three events, one under the other, and one that nobody heard beside the last; a run of each but that one."""
    events, runs = [world.event], [world.execution]
    for depth in (1, 2, 2):
        event = caused_by(runs[depth - 1], depth=depth)
        events.append(event)
        if len(events) < 4:
            runs.append(make_execution(event, world.trigger))
    return events, runs


def caused_by(run: Execution, *, depth: int) -> Event:
    event = make_event(run.event.workspace)
    event.root_id, event.parent_execution_id, event.depth = run.event.root_id, run.pk, depth
    event.save()
    return event


def outline(branches: list[chain.Happened]) -> list[object]:
    """`[event, [run, [...what it caused]]]`, ids only."""
    return [
        (one.event.pk, [(run.execution.pk, outline(run.caused)) for run in one.runs])
        for one in branches
    ]


def test_it_is_a_tree(
    grown: Grown, acme: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    (e0, e1, e2, unheard), (r0, r1, r2) = grown
    event = Event.objects.get(pk=e1.pk)
    with django_assert_max_num_queries(3):  # events, runs, the contact
        drawn = chain.of(event, acme)
    leaves: list[object] = [(e2.pk, [(r2.pk, [])]), (unheard.pk, [])]
    assert outline(drawn.tops) == [(e0.pk, [(r0.pk, [(e1.pk, [(r1.pk, leaves)])])])]
    assert drawn.cause_of(event) == r0
    assert not drawn.is_cut


def test_a_replay_stands_beside_the_first_run(world: World) -> None:
    again = make_execution_again(world)
    drawn = chain.of(world.event, world.workspace)
    assert [run.execution.pk for run in drawn.tops[0].runs] == [world.execution.pk, again.pk]


def make_execution_again(world: World) -> Execution:
    again = Execution.objects.get(pk=world.execution.pk)
    again.pk, again.replay_no, again._state.adding = make_event(world.workspace).pk, 1, True
    again.save()
    return again


def test_what_is_gone_leaves_the_rest(grown: Grown, acme: Workspace) -> None:
    (e0, e1, *_), (r0, *_) = grown
    r0.delete()
    e0.delete()
    drawn = chain.of(Event.objects.get(pk=e1.pk), acme)
    assert [top.event.pk for top in drawn.tops] == [e1.pk]
    assert drawn.cause_of(e1) is None


def test_a_long_chain_is_cut_and_keeps_the_way_to_here(
    grown: Grown, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (e0, e1, e2, _), (r0, r1, r2) = grown
    for _ in range(5):
        caused_by(r0, depth=1)
    last = caused_by(r2, depth=3)
    run = make_execution(last, world.trigger)
    monkeypatch.setattr(chain, "EVENTS", 2)
    monkeypatch.setattr(chain, "RUNS", 1)
    drawn = chain.of(last, world.workspace, run=run)
    assert drawn.is_cut
    way: list[object] = [(e2.pk, [(r2.pk, [(last.pk, [(run.pk, [])])])])]
    assert outline(drawn.tops) == [(e0.pk, [(r0.pk, [(e1.pk, [(r1.pk, way)])])])]


def test_of_another_workspace_nothing_is_drawn(
    grown: Grown, other: Workspace, make_world: MakeWorld
) -> None:
    foreign = make_world(other, name="Foreign")
    Event.objects.filter(pk=foreign.event.pk).update(root_id=grown[0][0].pk)
    foreign.event.refresh_from_db()
    drawn = chain.of(foreign.event, other)
    assert [top.event.pk for top in drawn.tops] == [foreign.event.pk]
    assert set(drawn.runs) == {foreign.execution.pk}


def test_pages_mark_where_they_are(grown: Grown, visitor: Client) -> None:
    (_, e1, *_), (r0, r1, r2) = grown
    for path, mark in ((f"/executions/{r1.pk}/", "this run"), (f"/events/{e1.pk}/", "this event")):
        page = visitor.get(path).content.decode()
        assert "The whole chain" in page
        assert page.count('aria-current="true"') == page.count(mark) == 1
        assert str(r0.pk) in page
        assert str(r2.pk) in page


def test_a_run_alone_draws_nothing(world: World, visitor: Client) -> None:
    assert (
        "The whole chain" not in visitor.get(f"/executions/{world.execution.pk}/").content.decode()
    )
