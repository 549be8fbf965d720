"""The browser of the tests: the machine's Chromium, without a window."""

from __future__ import annotations

import shutil
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]


def path() -> str | None:
    """None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def launch_args() -> dict[str, Any]:
    """As playwright's `launch` takes them."""
    return {"executable_path": path(), "args": _QUIET}
