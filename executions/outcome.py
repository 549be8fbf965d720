"""How one pass of a run ended."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from executions.models import TERMINAL, Execution, Status, Step


@dataclass(slots=True)
class Outcome:
    """`status` is completed, failed, timed_out, cancelled, retrying, queued or interrupted.

    `run_at` says when a retrying or waiting run goes on; `resumes` that this will not count as a start;
    `held_for` which host outside it waits for. A failure that is excused was not the agent's own and does
    not count toward its failures in a row.
    """

    execution: Execution
    status: Status
    output: Any = None
    error_message: str = ""
    error: dict[str, Any] | None = None
    run_at: dt.datetime | None = None
    resumes: bool = False
    held_for: str = ""
    is_excused: bool = False
    reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    at_failure: dict[str, Any] | None = None  # executions.evidence

    @property
    def is_final(self) -> bool:
        return self.status in TERMINAL
