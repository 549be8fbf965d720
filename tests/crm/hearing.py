"""Who hears what is told of a model's rows, and a deal to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from crm import signals
from crm.models import Opportunity, Workspace
from crm.models.tracking import TrackedModel


@dataclass
class Heard:
    """What was told of a model: the changes seen in post_save, and the bulk writes as (kind, rows)."""

    saves: list[dict[str, Any]] = field(default_factory=list)
    bulk: list[tuple[str, list[TrackedModel]]] = field(default_factory=list)

    def rows(self, kind: str) -> list[TrackedModel]:
        return [row for found, rows in self.bulk if found == kind for row in rows]


@pytest.fixture
def heard() -> Iterator[Callable[[type[TrackedModel]], Heard]]:
    connected: list[Callable[[], object]] = []

    def listen(model: type[TrackedModel]) -> Heard:
        notes = Heard()

        def saved(instance: TrackedModel, **_: Any) -> None:
            notes.saves.append(instance.changes())

        def told(kind: str, rows: list[TrackedModel], **_: Any) -> None:
            assert connection.in_atomic_block
            notes.bulk.append((kind, rows))

        post_save.connect(saved, sender=model, weak=False)
        signals.rows_changed.connect(told, sender=model, weak=False)
        connected.append(lambda: post_save.disconnect(saved, sender=model))
        connected.append(lambda: signals.rows_changed.disconnect(told, sender=model))
        return notes

    yield listen
    for disconnect in connected:
        disconnect()


def queries_on(table: str, captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured.captured_queries if f'"{table}"' in query["sql"]]


def deal(acme: Workspace, **values: Any) -> Opportunity:
    return Opportunity.objects.create(workspace=acme, name="Boat", **values)
