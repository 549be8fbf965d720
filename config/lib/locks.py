"""The numbers of PostgreSQL's advisory locks: one database knows them all by number alone, so each stands here."""

from __future__ import annotations

import enum


@enum.unique
class Lock(enum.IntEnum):
    """Who holds one is the only one in the system that does what it says."""

    DISPATCH = 0x7F15_0001
    PRUNE = 0x7F15_0002
    TELL_CAPTURED = 0x7F15_0003
    SAVE_COMPLETION = 0x7F15_0006  # two who save at once could close a circle between them
    MAKE_CANARY = 0x7F15_0008
