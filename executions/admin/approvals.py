"""Approving and rejecting in the admin: a proposed step, or an event of which a model is not sure."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from config.lib import audit
from crm.admin.actions import Done, ObjectAction, Refused
from executions import approving, resolving
from executions.models import Execution, Status, Step


def decisions() -> list[ObjectAction]:
    def waits(execution: Execution) -> bool:
        return execution.status == Status.WAITING_APPROVAL

    return [
        ObjectAction(
            "approve",
            "Approve",
            _approve,
            icon="check",
            variant=ActionVariant.PRIMARY,
            form=_params_form,
            shown=waits,
            in_bulk=False,
        ),
        ObjectAction(
            "reject",
            "Reject",
            _reject,
            icon="block",
            variant=ActionVariant.DANGER,
            form=lambda _execution: _Comment,
            shown=waits,
            in_bulk=False,
        ),
    ]


class _Comment(forms.Form):
    comment = forms.CharField(
        required=False, max_length=1000, widget=UnfoldAdminTextInputWidget, help_text="Why not."
    )


def _params_form(execution: Execution) -> type[forms.Form]:
    """The texts of the proposed step, to be changed."""
    step = approving.proposed(execution)
    texts = (
        {name: one for name, one in step.request.items() if isinstance(one, str)} if step else {}
    )
    fields = {
        f"param_{name}": forms.CharField(
            label=name,
            required=False,
            strip=False,
            initial=text,
            widget=UnfoldAdminExpandableTextareaWidget,
        )
        for name, text in texts.items()
    }
    return type("ParamsForm", (forms.Form,), fields)


def _step_of(execution: Execution) -> Step:
    step = approving.proposed(execution)
    if step is None:
        raise Refused("It does not wait for an approval any more.")
    return step


def _approve(request: HttpRequest, execution: Execution, cleaned: dict[str, Any]) -> Done:
    if approving.is_unsure(execution):
        return _decide(request, execution, "approve", cleaned)
    step = _step_of(execution)
    given = {name.removeprefix("param_"): text for name, text in cleaned.items()}
    edited = {
        name: text
        for name, text in given.items()
        if text.replace("\r\n", "\n") != step.request.get(name)
    }
    try:
        approving.approve(execution, step.number, by=str(request.user), params=edited)
    except (approving.CannotDecide, resolving.CannotResolve) as refusal:
        raise Refused(str(refusal)) from None
    audit.record(request, "approve", execution, after={"step": step.number})
    return Done("Approved.", recorded=True)


def _decide(request: HttpRequest, execution: Execution, verb: str, cleaned: dict[str, Any]) -> Done:
    """Whether an event runs of which a model is not sure that it meets the conditions."""
    by, is_met = str(request.user), verb == "approve"
    try:
        if is_met:
            approving.accept(execution, by=by)
        else:
            approving.refuse(execution, by=by, comment=cleaned.get("comment", ""))
    except (approving.CannotDecide, resolving.CannotResolve) as refusal:
        raise Refused(str(refusal)) from None
    audit.record(request, verb, execution, after={"conditions": "met" if is_met else "not met"})
    return Done("Approved: it runs." if is_met else "Rejected: it is skipped.", recorded=True)


def _reject(request: HttpRequest, execution: Execution, cleaned: dict[str, Any]) -> Done:
    if approving.is_unsure(execution):
        return _decide(request, execution, "reject", cleaned)
    step = _step_of(execution)
    try:
        approving.reject(
            execution, step.number, by=str(request.user), comment=cleaned.get("comment", "")
        )
    except (approving.CannotDecide, resolving.CannotResolve) as refusal:
        raise Refused(str(refusal)) from None
    audit.record(request, "reject", execution, after={"step": step.number})
    return Done("Rejected.", recorded=True)
