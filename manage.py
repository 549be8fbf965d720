#!/usr/bin/env python
"""Django's command line for Triggerfish; `make run` starts everything, `manage.py help` lists the rest."""

from __future__ import annotations

import os
import sys

_NOT_INSTALLED = "Nothing is installed for this Python: type `make run`, or use .venv/bin/python."


def main() -> None:
    # Before the settings, which take the addresses of the last start for given ones.
    if sys.argv[1:] == ["up"]:
        up()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed here: run `make run`, or use .venv/bin/python."
        ) from error
    execute_from_command_line(sys.argv)


def up() -> None:
    try:
        from config.up.command import main
    except ImportError as error:
        raise SystemExit(_NOT_INSTALLED) from error
    sys.exit(main())


if __name__ == "__main__":
    main()
