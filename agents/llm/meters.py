"""What a call of a model takes, and who guards that."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens
        )


class Meter(Protocol):
    """Guards a budget: asked before each call, told after it."""

    async def reserve(self, model: str, *, most: Usage) -> Any:
        """A ticket for a call that takes `most` at most. Raises ActionFailed where the budget has no room for it."""

    async def settle(self, ticket: Any, used: Usage | None) -> Decimal | None:
        """Told what the call took; None where it was not made. Answers its price in dollars, where that is known."""
