"""What was decided and what ran."""

from executions.models.alert import Alert, AlertKind
from executions.models.audit import AuditEntry
from executions.models.canary import Canary
from executions.models.execution import (
    TERMINAL,
    Execution,
    Status,
    Verdict,
)
from executions.models.gates import AgentGate, AgentStart, TriggerGate
from executions.models.judgement import Judgement, RememberedAnswer
from executions.models.losses import Losses
from executions.models.reason import Reason
from executions.models.spending import Spending, SpendingDay
from executions.models.step import Step, StepState

__all__ = [
    "TERMINAL",
    "AgentGate",
    "AgentStart",
    "Alert",
    "AlertKind",
    "AuditEntry",
    "Canary",
    "Execution",
    "Judgement",
    "Losses",
    "Reason",
    "RememberedAnswer",
    "Spending",
    "SpendingDay",
    "Status",
    "Step",
    "StepState",
    "TriggerGate",
    "Verdict",
]
