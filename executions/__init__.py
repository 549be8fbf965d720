"""What was decided and what ran. Other programs in this process tell of runs of their own by `executions.completed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from executions.completing import completed

__all__ = ["completed"]


def __getattr__(name: str) -> Any:
    """Looked up when it is used first: models cannot be imported while the apps are being loaded."""
    if name == "completed":
        from executions.completing import completed

        return completed
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
