"""`manage.py up`: start everything, here, until Ctrl-C. `make run` calls it; config/up/ does it."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.up.place import REPOSITORY


class Command(BaseCommand):
    help = "Start everything: servers where none are given, migrations, demo, all processes."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the supervisor. It is a new program, because this one has all of Django in its memory."""
        os.chdir(REPOSITORY)
        os.execv(sys.executable, [sys.executable, "-m", "config.up"])  # noqa: S606
