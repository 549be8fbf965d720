"""How many workers died or hung while a run was theirs: that decides where it runs next (executions.suspects)."""

from __future__ import annotations

import enum


class Losses(enum.Enum):
    """The values are the least and the most, both of them included."""

    NONE = (0, 0)
    ONE = (1, 1)
    MORE = (2, 32_767)
