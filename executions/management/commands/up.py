"""`manage.py up`: start everything, here, until Ctrl-C. `make run` calls it; config/up/ does it.

manage.py does not come here for a plain `up`: the settings would already have read what the last start left in run.env.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from config.up.place import REPOSITORY


class Command(BaseCommand):
    help = "Start everything: servers where DATABASE_URL or REDIS_URL is not set, migrations, demo, all processes."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        os.execv(sys.executable, [sys.executable, str(REPOSITORY / "manage.py"), "up"])  # noqa: S606
