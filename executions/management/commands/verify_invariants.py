"""`manage.py verify_invariants`: exit 1 and a list where something that must always hold does not."""

from __future__ import annotations

import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executions import invariants


class Command(BaseCommand):
    help = "Checks what must hold at any quiet moment (docs/reliability.md); exit 1 where something does not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--accepted",
            type=Path,
            help="file of event ids that were answered with 2xx, one a line",
        )

    def handle(self, *_: Any, accepted: Path | None = None, **__: Any) -> None:
        ids = [uuid.UUID(line) for line in accepted.read_text().split()] if accepted else []
        found = list(invariants.broken(accepted=ids))
        for broken in found:
            self.stdout.write(f"{broken.name}: {broken.message}")
        if found:
            raise CommandError(f"{len(found)} invariants are broken")
        self.stdout.write("all invariants hold")
