"""`manage.py capture_writes on|off|status|retry`: triggers for what other programs write (docs/capture.md)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm import capture
from crm.models import CapturedChange


class Command(BaseCommand):
    help = "Events also for changes that other programs make in the database: installs, removes or shows the triggers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["on", "off", "status", "retry"])
        parser.add_argument(
            "--wait",
            type=float,
            default=capture.LOCK_SECONDS,
            help="seconds to wait for each table (%(default)s); meanwhile its writers wait too",
        )

    def handle(self, *_: Any, what: str, wait: float, **__: Any) -> None:
        if wait <= 0:
            raise CommandError("--wait: give more than 0 seconds.")
        try:
            if what == "on":
                capture.switch_on(lock_seconds=wait)
            elif what == "off":
                capture.switch_off(lock_seconds=wait)
            elif what == "retry":
                self.stdout.write(f"tried again: {CapturedChange.objects.try_again()}")
        except capture.CannotCapture as error:
            raise CommandError(str(error)) from None
        self._show(capture.look())

    def _show(self, state: capture.State) -> None:
        self.stdout.write(f"capture is {'on' if state.is_on else 'off'}")
        if state.is_on:
            for table, works in state.tables.items():
                self.stdout.write(f"  {table}: {'captured' if works else 'NOT captured'}")
        since = (
            f", the oldest since {state.waiting_since:%Y-%m-%d %H:%M:%S} UTC"
            if state.waiting_since
            else ""
        )
        self.stdout.write(f"changes that wait to be told: {state.waiting}{since}")
        if state.problems:
            raise CommandError("\n".join(state.problems))
