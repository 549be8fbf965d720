"""Celery's beat, ended by a signal whatever it is doing.

The original writes its entries in the middle of that. Where it is a query, its connection would wait for itself for
ever.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

from celery.apps.beat import Beat


class OrderlyBeat(Beat):
    """Its scheduler is in `executions.beat`."""

    def start_scheduler(self) -> Any:
        with suppress(KeyboardInterrupt):  # told before its loop began
            super().start_scheduler()

    def install_sync_handler(self, service: Any) -> None:
        """psycopg gives up the query that goes on, Celery writes the entries and ends. Said twice is said once."""

        def end(number: int, frame: object) -> None:
            is_first = not service._is_shutdown.is_set()
            service._is_shutdown.set()  # the loop ends by this where the exception comes to nobody
            if is_first:
                raise KeyboardInterrupt

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
