"""What happens, and who listens."""

from triggers.models.event import Event, EventState
from triggers.models.trigger import Trigger, TriggerStatus, TriggerType

__all__ = ["Event", "EventState", "Trigger", "TriggerStatus", "TriggerType"]
