"""Triggers made by programs: behind `Trigger.objects.create_from`, the way that REST and admin go too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import wake
from crm.models import Workspace
from triggers import activation, blueprint
from triggers.models import Trigger, TriggerStatus
from triggers.models.trigger import TriggerFields
from triggers.problems import ExamplesUntried

_KNOWN = TriggerFields.__annotations__


def create(workspace: Workspace, fields: Mapping[str, Any]) -> tuple[Trigger, list[str]]:
    """The stored trigger, and warnings. Raises what `Trigger.objects.create_from` says."""
    if unknown := sorted(fields.keys() - _KNOWN):
        raise TypeError(f"create_from() has no field {unknown[0]!r}; there are {', '.join(_KNOWN)}")
    given = dict(fields)
    for name in ("agent_id", "pipeline_id"):
        if given.get(name) is not None:
            given[name] = str(given[name])
    author = given.pop("created_by", None)
    trigger = Trigger(workspace=workspace, created_by=author)
    warnings = blueprint.store(trigger, given, admit=_admit)
    return trigger, warnings


def _admit(draft: Trigger) -> list[str]:
    """No model is asked in the caller's transaction: examples of conditions in words are tried afterwards."""
    refused = activation.refusal(draft) if draft.enabled else None
    if refused is None:
        return []
    if not isinstance(refused, ExamplesUntried):
        raise refused
    draft.status, draft.waits_for_examples = TriggerStatus.PAUSED, True
    wake.triers()
    return ["Stored paused: it listens by itself as soon as its examples were tried and pass."]
