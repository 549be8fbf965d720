"""Lists of rows that are about somebody: one look-up of all their names per page."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import HttpRequest
from unfold.views import ChangeList

from executions.pages import subjects
from executions.pages.subjects import Link
from triggers.models import Event


class NamedChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """Gives each row `.about` and `.by`, a Link or None each. The ModelAdmin has `event_of(row)`."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        links = names_of([self.model_admin.event_of(row) for row in rows])
        for row in rows:
            event = self.model_admin.event_of(row)
            row.about = links.get((event.workspace_id, event.subject))
            row.by = links.get((event.workspace_id, event.actor))
        self.result_list: list[Any] = rows


def names_of(events: list[Event]) -> dict[tuple[Any, str], Link]:
    by_workspace: dict[Any, list[Event]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace_id].append(event)
    return {
        (pk, text): link
        for pk, mine in by_workspace.items()
        for text, link in subjects.of_events(mine, mine[0].workspace).items()
    }
