"""Does this run lead back to itself? Four bounds:

- a trigger fires once in a chain of causes, unless it allows re-entry;
- a chain is at most LOOP_MAX_DEPTH deep;
- one first event leads to at most LOOP_MAX_RUNS_PER_ROOT runs;
- a trigger runs at most LOOP_MAX_RUNS_PER_SUBJECT times in LOOP_WINDOW_SECONDS for the same record. This one also ends
  loops through other systems, which come back as events without a cause.

The trace says which bound it was. What a person replays is not asked for the last one.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.conf import settings

from config.lib import ids
from executions import gates, statements
from executions.gates import Candidate, Refusal, Runs
from executions.models import Reason
from triggers.models import Event, Trigger

LOOKS = 5_000  # of a subject's newest events
CLOCKS_DIFFER = dt.timedelta(
    minutes=5
)  # an id's time is its process's, the window is the database's


def count(pairs: Iterable[tuple[Event, Trigger]], *, by_subject: bool = True) -> Runs:
    """The runs that the bounds are compared with, for a whole batch. One query, none where nothing could be a loop.

    Uses the indexes event_root, event_subject and execution_once.
    """
    roots: set[uuid.UUID] = set()
    about: set[tuple[uuid.UUID, uuid.UUID, str]] = set()
    oldest: list[dt.datetime] = []
    for event, trigger in pairs:
        if event.depth:
            roots.add(event.root_id)
        if event.subject and by_subject:
            about.add((event.workspace_id, trigger.pk, event.subject))
            oldest.append(event.recorded_at)
    runs = Runs()
    if not roots and not about:
        return runs
    rows = statements.run(
        "count_loops",
        {
            "roots": list(roots),
            "per_root": settings.LOOP_MAX_RUNS_PER_ROOT,
            "workspaces": [one[0] for one in about],
            "triggers": [one[1] for one in about],
            "subjects": [one[2] for one in about],
            "per_subject": settings.LOOP_MAX_RUNS_PER_SUBJECT,
            "looks": LOOKS,
            "floor": ids.floor(min(oldest) - _window() - CLOCKS_DIFFER)
            if oldest
            else uuid.UUID(int=0),
        },
    )
    for root, trigger_id, subject, number, times in rows:
        if root:
            runs.of_root[root] = number
        else:
            runs.of_subject[trigger_id, subject] = times
    return runs


def _window() -> dt.timedelta:
    return dt.timedelta(seconds=settings.LOOP_WINDOW_SECONDS)


@gates.dispatch("loop_guard", place=20)
def refuse(candidate: Candidate) -> Refusal | None:
    event, trigger = candidate.event, candidate.trigger
    if event.depth > settings.LOOP_MAX_DEPTH:
        return _stop(
            candidate,
            "depth",
            settings.LOOP_MAX_DEPTH,
            event.depth,
            f"{event.depth} runs led here, one after the other; {settings.LOOP_MAX_DEPTH} are allowed",
        )
    if str(trigger.pk) in event.chain and not trigger.allow_reentry:
        said = "this trigger already fired in the chain that led here"
        return _stop(candidate, "chain", 1, event.chain.count(str(trigger.pk)) + 1, said)
    return _too_many(candidate) if candidate.runs else None


def _too_many(candidate: Candidate) -> Refusal | None:
    assert candidate.runs is not None
    event = candidate.event
    per_root, per_subject = settings.LOOP_MAX_RUNS_PER_ROOT, settings.LOOP_MAX_RUNS_PER_SUBJECT
    of_root = candidate.runs.of_root[event.root_id]
    if event.depth and of_root >= per_root:
        said = f"the same first event has led to {of_root} runs; {per_root} are allowed"
        return _stop(candidate, "runs_per_root", per_root, of_root, said)
    of_subject = _lately(candidate)
    if of_subject >= per_subject:
        minutes = f"{settings.LOOP_WINDOW_SECONDS / 60:g}"
        said = (
            f"this trigger ran {of_subject} times in {minutes} minutes for the same record; "
            f"{per_subject} are allowed"
        )
        return _stop(candidate, "runs_per_subject", per_subject, of_subject, said)
    return None


def _lately(candidate: Candidate) -> int:
    """Runs of the trigger for the same subject in the window before the event."""
    event = candidate.event
    if candidate.runs is None or not event.subject or candidate.is_replay:
        return 0
    times = candidate.runs.of_subject.get((candidate.trigger.pk, event.subject), ())
    since = event.recorded_at - _window()
    return sum(at > since for at in times)


_NAMES = {
    "depth": "Runs one after the other",
    "chain": "Times this trigger fired in the chain",
    "runs_per_root": "Runs of the same first event",
    "runs_per_subject": "Runs of this trigger for the same record lately",
}


def _stop(candidate: Candidate, bound: str, allowed: int, seen: int, said: str) -> Refusal:
    candidate.trace.append(
        {
            "path": "",
            "bound": bound,
            "field": _NAMES[bound],
            "operator": "less_or_equal",
            "expected": allowed,
            "actual": seen,
            "met": False,
            "note": "",
        }
    )
    return Refusal(Reason.LOOP_GUARD, said)


def bound_of(trace: Iterable[dict[str, object]]) -> str:
    """Which bound a refusal's trace names: depth, chain, runs_per_root or runs_per_subject."""
    return next((str(leaf["bound"]) for leaf in trace if "bound" in leaf), "")
