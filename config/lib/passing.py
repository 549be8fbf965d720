"""Errors of the database that pass by themselves: it is away, overloaded, or somebody else was quicker."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

# Connection lost, rolled back (deadlock), out of memory, disk or connections, shutting down, lock not available.
_STATES = ("08", "40", "53", "57P0", "55P03")


def gave_way(error: BaseException) -> bool:
    """Whether it was rolled back so that somebody else could go on (a deadlock): done again, it goes through."""
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and str(state).startswith("40")


def is_passing(error: BaseException) -> bool:
    """Whether trying again may help, because it is not the fault of what was written.

    By SQLSTATE: PostgreSQL also calls a statement that is too complex "operational", and that would go on for ever.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_STATES)
