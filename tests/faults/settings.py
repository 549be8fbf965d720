"""The settings of Triggerfish, with the actions that only these scripts know."""

from __future__ import annotations

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "tests.faults.acts.Acts"]
