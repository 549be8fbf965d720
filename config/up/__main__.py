"""`python -m config.up`: the supervisor itself, which `manage.py up` becomes."""

from __future__ import annotations

import sys

from config.up.command import main

if __name__ == "__main__":
    sys.exit(main())
