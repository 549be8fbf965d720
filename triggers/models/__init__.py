"""What happens, and who listens."""

from triggers.models.event import Event, EventState
from triggers.models.schedule import Schedule
from triggers.models.trial import ConditionTrial
from triggers.models.trigger import Trigger, TriggerStatus, TriggerType
from triggers.models.watch import DeadLetter, Listener, Watch, WatchedFile
from triggers.models.webhook import WebhookEndpoint, WebhookRejection
from triggers.models.webhook_type import OwnWebhookType

__all__ = [
    "ConditionTrial",
    "DeadLetter",
    "Event",
    "EventState",
    "Listener",
    "OwnWebhookType",
    "Schedule",
    "Trigger",
    "TriggerStatus",
    "TriggerType",
    "Watch",
    "WatchedFile",
    "WebhookEndpoint",
    "WebhookRejection",
]
