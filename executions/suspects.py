"""What one process claims: rows that never lost a worker, or, in the process for them, those that did.

A run that lost a worker may have been what killed it, or a neighbour of that. So such runs have a process of their own:
who lost one worker runs there beside others of the kind, and who lost two runs alone, so that it can blame nobody else.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from executions import queue
from executions.models import Execution, Losses
from executions.places import Shares

TOGETHER = 25  # runs that lost one worker, side by side
THREADS = 2  # database connections of their process, beside that of its task


class Claims:
    """Of one driver."""

    def __init__(self, *, suspects: bool) -> None:
        self._suspects = suspects
        self._is_alone = False  # what runs now lost two workers

    def claim(
        self, shares: Shares, *, lease: uuid.UUID, worker: str, is_busy: bool
    ) -> list[uuid.UUID]:
        """As `queue.claim`. `is_busy`: whether anything that was claimed here has still to end."""
        for losses in self._wanted(is_busy=is_busy):
            places = min(shares.free, 1) if losses is Losses.MORE else shares.free
            found = queue.claim(
                lease=lease, worker=worker, places=places, shares=shares, losses=losses
            )
            if found:
                self._is_alone = losses is Losses.MORE
                return found
        return []

    def _wanted(self, *, is_busy: bool) -> Sequence[Losses]:
        """While one that lost two workers waits, none joins those that run: its turn comes when they have ended."""
        if not self._suspects:
            return [Losses.NONE]
        if not is_busy:
            return [Losses.MORE, Losses.ONE]
        if self._is_alone or Execution.objects.suspects(Losses.MORE).exists():
            return []
        return [Losses.ONE]
