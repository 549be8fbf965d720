"""What the end of a run costs where nobody listens, and where somebody does."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Workspace
from executions import dispatcher, finish, queue
from executions.models import Execution, Status
from executions.outcome import Outcome
from tests.executions.sales import emit_sales
from tests.stories import MakeAgent, MakeTrigger
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


def begun(count: int) -> tuple[list[Execution], uuid.UUID]:
    """Runs that are under way, as the executor holds them."""
    dispatcher.dispatch()
    lease = uuid.uuid4()
    ids = queue.claim(lease=lease, worker="w", places=count)
    rows = Execution.objects.select_related("event", "agent").filter(pk__in=ids)
    return list(rows.order_by("position")), lease


def queries_of_a_finish(executions: list[Execution], lease: uuid.UUID) -> int:
    outcomes = [
        Outcome(one, Status.COMPLETED, output={"steps": {"1": {"id": "7"}}}) for one in executions
    ]
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert finish.finish(outcomes, lease=lease) == len(executions)
    return len([one for one in seen if not one["sql"].startswith(("SAVEPOINT", "RELEASE"))])


def test_nobody_listens_nothing_is_asked(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
) -> None:
    first = make_agent("First", restrictions={"max_executions_per_minute": None})
    make_trigger(first, "sale", max_executions_per_hour=None)
    after(make_agent("Another"), make_agent("Then"))  # listens to somebody else
    emit_sales(acme, 6)
    held, lease = begun(6)
    alone = queries_of_a_finish(held[:1], lease)
    together = queries_of_a_finish(held[1:], lease)
    assert alone == together == 5  # begin, wake the gates, the ends, the figures, commit
    assert not Event.objects.exclude(type="sale").exists()


def test_somebody_listens_two_more_for_any_number(
    acme: Workspace,
    make_agent: MakeAgent,
    make_trigger: MakeTrigger,
    after: Callable[..., Trigger],
) -> None:
    first = make_agent("First", restrictions={"max_executions_per_minute": None})
    make_trigger(first, "sale", max_executions_per_hour=None)
    after(first, make_agent("Then"))
    emit_sales(acme, 6)
    held, lease = begun(6)
    assert queries_of_a_finish(held, lease) == 7  # the listeners, one INSERT
    assert Event.objects.filter(type="agent_completed").count() == 6


def test_a_claim_asks_nothing_more(
    acme: Workspace, make_agent: MakeAgent, make_trigger: MakeTrigger
) -> None:
    make_trigger(make_agent("First"), "sale")
    emit_sales(acme, 2)
    dispatcher.dispatch()
    with CaptureQueriesContext(connection) as seen:
        queue.claim(lease=uuid.uuid4(), worker="w", places=1)
    unheard = len(seen)
    make_trigger(make_agent("Watch"), "execution.started")
    with CaptureQueriesContext(connection) as seen:
        queue.claim(lease=uuid.uuid4(), worker="w", places=1)
    assert len(seen) == unheard + 3  # the run with its event, the listeners, the INSERT
    assert Event.objects.get(type="execution.started").payload["status"] == "running"
