"""A request at a webhook's address, and the answers that it may get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from config.lib import outages
from triggers.intake import Accepted, Refused
from triggers.models import WebhookEndpoint
from triggers.webhook_types import Incoming

NOT_FOUND = Refused(404, "not_found", "There is nothing at this address.")
AWAY = Refused(
    503,
    "unavailable",
    "The database is away; try again soon.",
    headers={"Retry-After": str(outages.RETRY_AFTER_SECONDS)},
)
FAILED = Refused(500, "server_error", "Something went wrong on our side; it has been logged.")


@dataclass(frozen=True, slots=True)
class Answer:
    """`is_new`: the request is stored as an event now, for the first time."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    is_new: bool = False


@dataclass(slots=True, eq=False)
class Arrival:
    """A request at an address, and what became of it.

    `network`: the peer as limits count it. `fault`: why it could not be read to its end; it is refused for that where
    somebody has the address. `size`: bytes of the body that were seen.
    """

    token: str
    request: Incoming
    network: str
    request_id: str
    fault: Refused | None = None
    size: int = 0
    endpoint: WebhookEndpoint | None = None
    at: float = 0.0  # the database's Unix time when it was looked up
    found: Accepted | None = None
    answer: Answer | Refused | None = None
