"""A migration locks the tables of events and runs in turn; a webhook that had to give way to it is stored anyhow."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests import programs
from tests.triggers import test_webhook_groups
from tests.triggers.test_webhook_groups import arrival
from triggers.models import Event
from triggers.receiving import Answer
from triggers.webhook_groups import Groups

pytestmark = pytest.mark.django_db(transaction=True)
make_hook = test_webhook_groups.make_hook
token = test_webhook_groups.token
groups = test_webhook_groups.groups

WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE NOT granted AND relname = 'triggers_event'
"""


def _migrate(program: psycopg.Connection, has_begun: threading.Event) -> None:
    """Locks events, and then, once somebody waits for them, runs."""
    with programs.connect() as onlooker, program.transaction():
        program.execute("LOCK TABLE triggers_event IN ACCESS EXCLUSIVE MODE")
        has_begun.set()
        while onlooker.execute(WAITING).fetchone() == (0,):
            threading.Event().wait(0.01)
        program.execute("LOCK TABLE executions_execution IN ACCESS EXCLUSIVE MODE")


async def test_who_gave_way_to_a_migration_is_stored(
    token: str, groups: Groups, caplog: pytest.LogCaptureFixture
) -> None:
    has_begun = threading.Event()
    with programs.connect() as program:
        migration = threading.Thread(target=_migrate, args=(program, has_begun))
        migration.start()
        has_begun.wait(10)
        answer = await groups.answer(arrival(token))
        migration.join(10)
    assert isinstance(answer, Answer), answer
    assert answer.status == 202
    assert "webhooks gave way in the database" in caplog.text
    assert await Event.objects.filter(type="webhook.generic").acount() == 1
