"""Changing the stages of a workspace: deals follow a renamed stage, and no stage with deals disappears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.models import Opportunity, Workspace
from crm.models.workspace import stage_names


def renames_between(before: Sequence[str], after: Sequence[str]) -> dict[str, str]:
    """What a new list renames: in a list as long as the old one, a name that is gone where a name that is new stands.

    Moving names around renames nothing.
    """
    if len(before) != len(after):
        return {}
    pairs = zip(before, after, strict=True)
    return {old: new for old, new in pairs if old not in after and new not in before}


@transaction.atomic
def change(
    workspace: Workspace, *, stages: Sequence[str] | None, renames: Mapping[str, str] | None
) -> None:
    """First the renames, `{old: new}`, then the whole new list; without renames the list says them (`renames_between`).

    Works on a row that the caller has locked. Raises ValidationError by field: `rename_stages` or `stages`.
    """
    renamed = _checked(
        workspace.stages, renames or renames_between(workspace.stages, stages or workspace.stages)
    )
    here = [renamed.get(stage, stage) for stage in workspace.stages]
    wanted = [stage.strip() for stage in stages] if stages is not None else here
    stage_names(wanted)
    for old, new in renamed.items():
        Opportunity.objects.rename_stage(workspace, old=old, new=new)
    _refuse_loss(workspace, gone=set(here) - set(wanted))
    workspace.stages = wanted
    workspace.save(update_fields=["stages", "updated_at"])


def _checked(stages: Sequence[str], renames: Mapping[str, str]) -> dict[str, str]:
    renamed = {old: new.strip() for old, new in renames.items()}
    if unknown := [old for old in renamed if old not in stages]:
        raise ValidationError({"rename_stages": f"There is no stage {unknown[0]!r}."})
    after = [renamed.get(stage, stage) for stage in stages]
    if taken := [new for old, new in renamed.items() if new != old and new in stages]:
        raise ValidationError({"rename_stages": f"There is a stage {taken[0]!r} already."})
    try:
        stage_names(after)
    except ValidationError as error:
        raise ValidationError({"rename_stages": error.messages}) from None
    return {old: new for old, new in renamed.items() if old != new}


def _refuse_loss(workspace: Workspace, *, gone: set[str]) -> None:
    used = (
        workspace.opportunities.filter(stage__in=gone)
        .order_by()
        .values_list("stage", flat=True)
        .distinct()
    )
    if names := sorted(used):
        raise ValidationError(
            {
                "stages": f"There are deals in: {', '.join(names)}. Move them first, or rename the stage."
            }
        )
