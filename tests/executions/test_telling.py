"""`executions.completed`: programs tell of runs elsewhere."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

import executions
from crm.models import Workspace
from executions.models import Execution
from tests.stories import MakeAgent
from triggers.models import Event, Trigger

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]


def test_programs_tell_of_runs_elsewhere(
    acme: Workspace, make_agent: MakeAgent, after: Callable[..., Trigger], run_everything_due: Run
) -> None:
    first, then = make_agent("First"), make_agent("Then")
    assert executions.completed(first, "run-1") is None
    assert not Event.objects.exists()
    after(first, then)
    outputs = {"total": 3}
    event = executions.completed(first, "run-2", outputs=outputs)
    again = executions.completed(first, "run-2", outputs={"total": 4})
    assert event is not None
    assert event == again
    assert event.payload["agent_name"] == "First"
    assert executions.completed(first, "run-3", status="failed", error_message="No.") is None
    run_everything_due()
    assert Execution.objects.get().inputs["total"] == 3
    assert Execution.objects.get().trigger_type == "agent completed: success"


def test_a_program_that_rolls_back_has_told_nothing(
    make_agent: MakeAgent, after: Callable[..., Trigger]
) -> None:
    first = make_agent("First")
    after(first, make_agent("Then"), status="any")
    with suppress(LookupError), transaction.atomic():
        assert executions.completed(first, uuid.uuid4(), status="failed")
        raise LookupError
    assert not Event.objects.exists()
    assert executions.completed(first, uuid.uuid4(), status="cancelled")


def test_telling_costs_two_queries(
    make_agent: MakeAgent,
    after: Callable[..., Trigger],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    first = make_agent("First")
    with django_assert_num_queries(1):  # who listens
        executions.completed(first, "run-1")
    after(first, make_agent("Then"))
    with django_assert_num_queries(2):  # the INSERT
        executions.completed(first, "run-1")
    with django_assert_num_queries(3):  # the first one
        executions.completed(first, "run-1")


@pytest.mark.parametrize("run_id", ["", "x" * 201, "a\x00b", "two\nlines"])
def test_a_run_needs_an_id(make_agent: MakeAgent, run_id: str) -> None:
    with pytest.raises(ValueError, match="not the id of a run"):
        executions.completed(make_agent("First"), run_id)


def test_a_run_ends_in_one_of_three_ways(make_agent: MakeAgent) -> None:
    other: Any = "done"
    with pytest.raises(ValueError, match="success, failed or cancelled"):
        executions.completed(make_agent("First"), "run-1", status=other)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="notify"):
        executions.notify  # noqa: B018 - looking it up is the test


def test_it_can_be_imported_before_the_apps_are_ready() -> None:
    """An app's own modules may name it at their top."""
    script = "import executions, sys; assert 'executions.models' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
