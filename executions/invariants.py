"""What must hold at any quiet moment, whatever was killed, wiped or restarted before; each is one
query that finds the exceptions.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from agents.models import Agent
from executions.gates.minute_window import LIMIT
from triggers.models import Event

SHOWN = 20  # broken rows named per invariant


@dataclass(frozen=True, slots=True)
class Broken:
    """`name` I1 to I11, and which rows break it."""

    name: str
    message: str


_QUERIES = {
    "I2 a contact has exactly one contact_created event": """
        SELECT contact.id::text || ' has ' || count(event.id)
        FROM crm_contact AS contact
        LEFT JOIN triggers_event AS event
            ON event.workspace_id = contact.workspace_id AND event.subject = 'contact:' || contact.id
            AND event.type = 'contact_created'
        JOIN crm_workspace AS workspace ON workspace.id = contact.workspace_id
        WHERE contact.source <> 'demo'  -- those were there before anything happened; old events may be pruned
        GROUP BY contact.id, workspace.id
        HAVING count(event.id) > 1 OR count(event.id) = 0 AND contact.created_at > now() - make_interval(
            days => COALESCE((workspace.retention ->> 'executions')::int, %(retention_days)s))""",
    "I3 a dispatched event has one execution per trigger that listened": """
        SELECT event.id::text || ' made ' || event.executions_count || ', has ' || count(execution.id)
            || ' and had ' || event.executions_pruned
        FROM triggers_event AS event
        LEFT JOIN executions_execution AS execution ON execution.event_id = event.id AND execution.replay_no = 0
        WHERE event.state = 'matched'
        GROUP BY event.id HAVING count(execution.id) + event.executions_pruned <> event.executions_count""",
    "I4 a completed execution ended once, and nobody holds it": """
        SELECT id::text FROM executions_execution
        WHERE status = 'completed' AND (finished_at IS NULL OR lease IS NOT NULL)""",
    "I4 no completion was counted twice": """
        SELECT gate.trigger_id::text || ' counted ' || gate.successful_executions || ', has ' || count(execution.id)
        FROM executions_triggergate AS gate
        JOIN triggers_trigger AS trigger ON trigger.id = gate.trigger_id
        JOIN crm_workspace AS workspace ON workspace.id = trigger.workspace_id AND NOT workspace.is_system
        LEFT JOIN executions_execution AS execution
            ON execution.trigger_id = gate.trigger_id AND execution.status = 'completed'
        WHERE trigger.created_at > now() - make_interval(days => LEAST(  -- else some may have been pruned
            COALESCE((workspace.retention ->> 'executions')::int, %(retention_days)s),
            (workspace.retention ->> 'completed')::int))
        GROUP BY gate.trigger_id, gate.successful_executions
        HAVING gate.successful_executions > count(execution.id)""",
    "I5 a running execution has a lease and a deadline, and what a model has still to judge has not run": """
        SELECT id::text FROM executions_execution
        WHERE status = 'running' AND (lease IS NULL OR verdict = 'pending') OR verdict = 'pending' AND attempt > 0""",
    "I7 first starts follow the queue's position": """
        SELECT id::text FROM (
            SELECT id, started_at, max(started_at) OVER (
                PARTITION BY trigger_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS before
            FROM executions_execution
            WHERE started_at IS NOT NULL AND status <> 'skipped' AND trigger_id IS NOT NULL AND verdict = 'none_needed'
        ) AS ordered WHERE started_at < before""",
    "I8 an ended execution has its end, and waits for nothing": """
        SELECT id::text FROM executions_execution
        WHERE status IN ('completed', 'failed', 'timed_out', 'cancelled', 'skipped')
          AND (finished_at IS NULL OR run_at IS NOT NULL OR lease IS NOT NULL)""",
    "I9 a skip has a reason": """
        SELECT id::text FROM executions_execution WHERE status = 'skipped' AND reason = ''""",
    "I11 the sums of a day are those of its calls": """
        SELECT day.id::text || ' has ' || day.tokens || ' tokens of ' || day.calls || ' calls'
        FROM executions_spendingday AS day
        LEFT JOIN executions_spending AS call
            ON call.workspace_id = day.workspace_id AND call.at >= day.began_at AND call.at < day.until
            AND (day.agent_id IS NULL OR call.agent_id = day.agent_id)
        WHERE day.date > now() - interval '30 days'
        GROUP BY day.id
        HAVING day.tokens <> COALESCE(sum(call.input_tokens + call.output_tokens), 0)
            OR day.calls <> count(call.id) OR day.cost <> COALESCE(sum(call.cost), 0)""",
    "I10 a step outside has an idempotency key of its own": """
        SELECT idempotency_key FROM executions_step WHERE effect IN ('outside', 'repeatable')
        GROUP BY idempotency_key HAVING count(*) > 1 OR idempotency_key = ''""",
}


def broken(*, accepted: Iterable[uuid.UUID] = ()) -> Iterator[Broken]:
    """The invariants that do not hold now. `accepted`: event ids that somebody got a 2xx for (I1)."""
    checks: list[tuple[str, Callable[[], list[str]]]] = [
        ("I1 each accepted event exists", lambda: _missing(set(accepted))),
        *((name, lambda sql=sql: _rows(sql)) for name, sql in _QUERIES.items()),
        ("I6 at most N starts in any 60 s per agent", _bursts),
    ]
    for name, find in checks:
        if rows := find():
            yield Broken(name, f"{len(rows)} rows: {', '.join(rows[:SHOWN])}")


def _rows(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"retention_days": settings.RETENTION_DAYS})
        return [row[0] for row in cursor.fetchall()]


def _missing(accepted: set[uuid.UUID]) -> list[str]:
    found = set(Event.objects.filter(pk__in=accepted).values_list("pk", flat=True))
    return sorted(str(pk) for pk in accepted - found)


def _bursts() -> list[str]:
    """Any start that came less than 60 s after the start N places before it."""
    found = []
    for agent in Agent.objects.filter(starts__isnull=False).distinct():
        limit = agent.limit(LIMIT)
        if limit is None:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT count(*) FROM (
                    SELECT at - lag(at, %s) OVER (ORDER BY at, id) AS span
                    FROM executions_agentstart WHERE agent_id = %s
                ) AS spans WHERE span < interval '60 seconds'""",
                [limit, agent.pk],
            )
            (count,) = cursor.fetchone()
        if count:
            found.append(f"{agent.name} ({count} times over {limit} a minute)")
    return found
