"""`manage.py rotate_secrets`: brings every stored secret under the first key of FIELD_KEY. Prints counts only."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.lib import rotation

MOST_NAMED = 20


class Command(BaseCommand):
    help = (
        "Re-encrypts every stored secret under the first key of FIELD_KEY. It can be broken off and run again; exit "
        "code 1 where a secret is under a key that is not there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch", type=int, default=rotation.BATCH, help="rows of one transaction"
        )

    def handle(self, *args: Any, batch: int = rotation.BATCH, **options: Any) -> None:
        locked = rotated = 0
        try:
            for tally in rotation.rotate(batch=max(1, batch)):
                self._tell(tally)
                rotated += tally.rotated
                locked += len(tally.locked)
        except rotation.NoKey as error:
            raise CommandError(str(error)) from None
        if locked:
            raise CommandError(
                f"{rotated} secrets were rotated; {locked} could not be opened with any key of FIELD_KEY. Add the key "
                "that they were stored with, or give these secrets again; until then keep every key."
            )
        self.stdout.write(
            f"{rotated} secrets were rotated. All are under the first key of FIELD_KEY: the others may go."
        )

    def _tell(self, tally: rotation.Tally) -> None:
        name = f"{tally.table}.{tally.column}"
        self.stdout.write(
            f"{name}: {tally.rotated} rotated, {tally.current} were under the newest key, {len(tally.locked)} locked"
        )
        for pk in tally.locked[:MOST_NAMED]:
            self.stderr.write(f"{name}: row {pk} cannot be opened")
        if len(tally.locked) > MOST_NAMED:
            self.stderr.write(f"{name}: and {len(tally.locked) - MOST_NAMED} more rows")
