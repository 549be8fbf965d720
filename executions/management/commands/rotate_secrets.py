"""`manage.py rotate_secrets`: stored secrets are encrypted with the first key of FIELD_KEY from now on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from executions import resealing


class Command(BaseCommand):
    help = "Encrypts all stored secrets anew with the first key of FIELD_KEY; then the others can be taken out of it."

    def handle(self, *_: Any, **__: Any) -> None:
        done, lost = resealing.reseal()
        self.stdout.write(f"{done} secrets are encrypted with the first key")
        if lost:
            raise CommandError(f"{lost} secrets cannot be read with any key of FIELD_KEY")
