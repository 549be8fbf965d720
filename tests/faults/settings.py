"""The settings of Triggerfish, with the actions that only these scripts know."""

from __future__ import annotations

import os
import select
import time
from typing import Any

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "tests.faults.acts.Acts"]


def _sleep(seconds: Any) -> None:
    select.select((), (), (), seconds)


if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    time.sleep = (
        _sleep  # under a false clock (tests.faults.faketime) Python's own way to sleep fails
    )
