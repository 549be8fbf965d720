"""The ledger over REST: what ran, what waits, what was skipped and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import F, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.rest import Conflict, Invalid
from crm.rest import WorkspaceRows
from executions import approving, launch, replay, resolving
from executions.models import Execution, Status
from executions.serializers.ledger import ExecutionDetail, ExecutionSerializer
from executions.serializers.recovery import (
    Approval,
    Decided,
    Rejection,
    ReplayAsked,
    ReplayTold,
)
from executions.serializers.triggers import Started
from executions.views.filters import execution_filters
from executions.views.recovery import asked_for, chosen, decision
from triggers.models import Trigger

RELATED = ("event", "agent", "trigger", "workspace")
SORTS = {
    "created_at": "id",  # ids of version 7 follow the time, and have an index
    "started_at": "started_at",
    "finished_at": "finished_at",
    "duration_ms": "duration",
    "status": "status",
    "trigger_name": "trigger_name",
}


class ExecutionRows(WorkspaceRows):
    """Lists of executions, without the trace, which one execution's own address has."""

    queryset = Execution.objects.annotate(duration=F("finished_at") - F("started_at")).defer(
        "trace", "error", "at_failure"
    )
    serializer_class = ExecutionSerializer
    filters = execution_filters()
    sort_fields = SORTS
    sort_default = "-id"


@extend_schema_view(retrieve=extend_schema(responses=ExecutionDetail))
class ExecutionView(ExecutionRows):
    scopes: ClassVar[dict[str, str]] = {
        "cancel": "run",
        "resolve": "run",
        "approve": "run",
        "reject": "run",
        "replay": "replay",
        "replay_many": "replay",
    }

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if self.action != "retrieve":
            return queryset
        return queryset.defer(None).select_related(*RELATED).prefetch_related("steps")

    def get_serializer_class(self) -> Any:
        return ExecutionDetail if self.action == "retrieve" else ExecutionSerializer

    @extend_schema(request=None, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **_: Any) -> Response:
        """Cancels what waits at once; a running one stops within a second or two."""
        execution = self.get_object()
        with transaction.atomic():
            if not launch.cancel(execution):
                raise Conflict("This execution has ended already.", code="already_finished")
            self.record("cancel", execution)
        return Response(self.represent(self.get_object()))

    @extend_schema(request=None, responses={202: Started})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **_: Any) -> Response:
        """Runs the same event again at the same trigger, as a new execution."""
        execution = self.get_object()
        try:
            with transaction.atomic():
                again = replay.replay(execution)
                self.record("replay", execution, after={"execution_id": str(again.pk)})
        except replay.CannotReplay as error:
            raise Conflict(str(error), code="cannot_replay") from None
        return Response({"execution_id": again.pk}, status=202)

    @extend_schema(
        request=ReplayAsked,
        responses={200: ReplayTold, 202: ReplayTold},
        operation_id="executions_replay_many",
    )
    @action(detail=False, methods=["post"], url_path="replay")
    def replay_many(self, request: Request) -> Response:
        """Runs again what a filter finds, at most 1,000: as new executions, which pass every gate.

        Ask with `dry_run` first: the answer says what it would repeat outside (`repeats`: e-mails, requests).
        """
        asked = asked_for(request)
        try:
            planned = replay.plan(
                chosen(self.get_queryset(), self.filters, asked.filter),
                include_replayed=asked.include_replayed,
                limit=asked.limit,
            )
        except replay.TooMany as error:
            raise Invalid(str(error), code="too_many") from None
        if asked.dry_run:
            return Response(replay.summary(planned))
        with transaction.atomic():
            done = replay.carry_out(planned)
            told = replay.summary(planned, done)
            self.record("replay", self.workspace, after={"filter": asked.filter, **told})
        return Response({**told, "execution_ids": [one.pk for one in done.executions]}, status=202)

    @extend_schema(request=Decided, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, **_: Any) -> Response:
        """Decides about an interrupted execution: its step in doubt is done again (`retry`), has happened
        (`mark_done`: the run goes on after it), or the run ends (`cancel`).
        """
        execution = self.get_object()
        wanted, output = decision(request)
        try:
            with transaction.atomic():
                resolving.resolve(execution, wanted, by=str(request.user), output=output)
                self.record("resolve", execution, after={"decision": wanted.value})
        except resolving.CannotResolve as error:
            raise Conflict(str(error), code="cannot_resolve") from None
        return Response(ExecutionDetail(execution).data)

    @extend_schema(request=Approval, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, **_: Any) -> Response:
        """The proposed step of a run in `waiting_approval` happens, with other `params` where they are given.

        An event of which a model is not sure that it meets the conditions runs; there is no `step` then.
        """
        execution, given = self.get_object(), Approval(data=request.data)
        self.check(given)
        asked, by = given.validated_data, str(request.user)
        if approving.is_unsure(execution):
            self._refuse_step(asked)
            return self._decided(
                "approve", execution, None, lambda: approving.accept(execution, by=by)
            )
        step, params = self._step_of(execution, asked), asked.get("params")
        return self._decided(
            "approve",
            execution,
            step,
            lambda: approving.approve(execution, step, by=by, params=params),
        )

    @extend_schema(request=Rejection, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, **_: Any) -> Response:
        """The proposed step does not happen: a tool's use is told to the model as refused, a step ends the run.

        An event of which a model is not sure that it meets the conditions is skipped; there is no `step` then.
        """
        execution, given = self.get_object(), Rejection(data=request.data)
        self.check(given)
        asked, by = given.validated_data, str(request.user)
        comment = asked.get("comment", "")
        if approving.is_unsure(execution):
            self._refuse_step(asked)
            return self._decided(
                "reject",
                execution,
                None,
                lambda: approving.refuse(execution, by=by, comment=comment),
            )
        step = self._step_of(execution, asked)
        return self._decided(
            "reject",
            execution,
            step,
            lambda: approving.reject(execution, step, by=by, comment=comment),
        )

    @staticmethod
    def _step_of(execution: Execution, asked: dict[str, Any]) -> int:
        if execution.status != Status.WAITING_APPROVAL:
            raise Conflict("It does not wait for an approval.", code="cannot_decide")
        if "step" not in asked:
            said = "Give the number of the proposed step."
            raise Invalid(f"step: {said}", details={"step": [said]})
        return int(asked["step"])

    @staticmethod
    def _refuse_step(asked: dict[str, Any]) -> None:
        for name in {"step", "params"} & asked.keys():
            said = "No step waits: it has not begun, a model is not sure about its conditions. Leave this out."
            raise Invalid(f"{name}: {said}", details={name: [said]})

    def _decided(
        self, verb: str, execution: Execution, step: int | None, decide: Callable[[], Execution]
    ) -> Response:
        """`step`: None where it is decided about the conditions."""
        after = {"conditions": "met" if verb == "approve" else "not met"}
        try:
            with transaction.atomic():
                decide()
                self.record(verb, execution, after=after if step is None else {"step": step})
        except approving.InvalidParams as error:
            raise Invalid(str(error), details={"params": error.problems}) from None
        except (approving.CannotDecide, resolving.CannotResolve) as error:
            raise Conflict(str(error), code="cannot_decide") from None
        return Response(ExecutionDetail(execution).data)


@extend_schema_view(list=extend_schema(operation_id="trigger_executions_list"))
class ExecutionsOfTrigger(ExecutionRows):
    """What one trigger has made of its events."""

    def get_queryset(self) -> QuerySet[Any]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        mine = Trigger.objects.filter(workspace=self.workspace)
        trigger = get_object_or_404(mine, pk=self.kwargs["trigger_id"])
        return queryset.filter(trigger=trigger)
