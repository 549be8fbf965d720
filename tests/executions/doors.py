"""What a listener holds, and how it looks for more."""

from __future__ import annotations

import uuid

from executions.watch_door import WatchDoor
from triggers import leases
from triggers.models import Trigger, Watch

TYPES = ["message_queue"]


def look(lease: uuid.UUID) -> leases.Pulse:
    return leases.beat(lease, name="test", types=TYPES)


def open_door(trigger: Trigger) -> WatchDoor:
    """As a listener holds it that has taken everything."""
    lease = uuid.uuid4()
    look(lease)
    leases.claim(lease, types=TYPES, places=10)
    leases.claim(lease, types=TYPES, places=10)
    return WatchDoor(trigger, Watch.objects.get(pk=trigger.pk))
