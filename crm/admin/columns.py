"""Columns that a method computes: unfold's decorator, typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from unfold.decorators import display

Method = TypeVar("Method", bound=Callable[..., Any])


def column(
    description: str, *, ordering: str | None = None, label: bool | Mapping[str, str] | None = None
) -> Callable[[Method], Method]:
    """`ordering`: the column that a click on the head sorts by. `label`: draws a badge, coloured by its text."""
    return cast(
        Callable[[Method], Method],
        display(description=description, ordering=ordering, label=label),
    )
