"""What a rule's operator gets to see of a payload."""

from __future__ import annotations

from enum import Enum
from typing import Any

from config.lib.paths import MISSING, Parts, find
from triggers.comparing import Incomparable, same
from triggers.conditions.tree import Rule
from triggers.operators import Change, Looks

_CHANGE, _PRESENCE, _VALUE = Looks.CHANGE, Looks.PRESENCE, Looks.VALUE  # quicker to name


class Unseen(Enum):
    """Why there is no value to compare; the value is the note in the trace."""

    MISSING = "The event has no {}."
    NULL = "{} has no value."
    NO_CHANGES = "The event does not say what changed."


def look(rule: Rule, payload: Any) -> Any:
    """What the rule's operator gets to see, or why it sees nothing; raises Incomparable."""
    looks = rule.operator.looks
    if looks is _CHANGE:
        return _change(payload, rule.parts)
    actual = find(payload, rule.parts)
    if looks is _PRESENCE:
        return actual
    if actual is MISSING:
        return Unseen.MISSING
    return Unseen.NULL if actual is None and looks is _VALUE else actual


def _change(payload: Any, parts: Parts) -> Change | Unseen | None:
    """The entry of `changes` for `deal.stage` is `stage`: they are those of the event's own record.

    `deal.custom.tier` is looked up inside the old and the new `custom`. None: it did not change.
    """
    changes = find(payload, ("changes",))
    if not isinstance(changes, dict):
        return Unseen.NO_CHANGES
    name, *inner = parts[1:] or parts
    entry = changes.get(".".join((name, *inner)), MISSING)
    if entry is MISSING:
        entry = changes.get(name, MISSING)
    else:
        inner = []
    if entry is MISSING:
        return None
    if not isinstance(entry, dict) or not {"old", "new"} <= entry.keys():
        raise Incomparable(f"The change of {name} has no old and new value.")
    old, new = (find(entry[side], tuple(inner)) for side in ("old", "new"))
    if inner and same(old, new):
        return None
    return Change(*(None if side is MISSING else side for side in (old, new)))
