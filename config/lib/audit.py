"""Telling the audit log: edges of any app send, `executions.audit` hears and writes the row."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.dispatch import Signal
from django.http import HttpRequest

managed = Signal()  # arguments: request, verb, target, before, after
asked = Signal()  # argument: target; whoever keeps the trail answers with its rows


def record(
    request: HttpRequest | None,
    verb: str,
    target: models.Model,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Says that somebody managed `target`. Call it once per action, inside the action's transaction.

    `verb` is what was done (`create update delete activate pause run ...`); `before` and `after`
    hold what changed, JSON-shaped.
    """
    managed.send(
        sender=type(target), request=request, verb=verb, target=target, before=before, after=after
    )


def history(target: models.Model) -> list[Any]:
    """What was done to this row, newest first: the trail's own rows (`at actor verb before after`)."""
    answers: list[tuple[Any, Any]] = asked.send(sender=type(target), target=target)
    return [entry for _, entries in answers for entry in entries]
