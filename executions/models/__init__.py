"""What was decided and what ran."""

from executions.models.alert import Alert, AlertKind
from executions.models.audit import AuditEntry
from executions.models.execution import (
    TERMINAL,
    Execution,
    Reason,
    Status,
    Step,
    StepState,
    Verdict,
)
from executions.models.gates import AgentGate, AgentStart, TriggerGate
from executions.models.spending import Spending

__all__ = [
    "TERMINAL",
    "AgentGate",
    "AgentStart",
    "Alert",
    "AlertKind",
    "AuditEntry",
    "Execution",
    "Reason",
    "Spending",
    "Status",
    "Step",
    "StepState",
    "TriggerGate",
    "Verdict",
]
