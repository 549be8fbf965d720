"""Switching agents on and off, and running one now: `POST /api/v1/agents/<id>/activate | pause | archive | run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from agents.serializers import AgentSerializer
from config.lib import actors, json
from config.lib.rest import Invalid
from config.lib.rest.names import refuse_unknown
from crm.rest import WorkspaceRows
from executions import launch, replay
from executions.serializers.recovery import ReplayTold
from executions.serializers.triggers import Started
from triggers.event_types import InvalidPayload

MAX_INPUTS_BYTES = 64 * 1024


class Inputs(serializers.Serializer[dict[str, Any]]):
    inputs = serializers.DictField(
        required=False, allow_null=True, help_text="What steps read as @inputs.<name>."
    )


class Resumed(serializers.Serializer[dict[str, Any]]):
    replay_skipped = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Also run what was skipped since the agent paused at the end of its day.",
    )


class ActivatedAgent(AgentSerializer):
    """With `replay_skipped`, also what came of the replay."""

    replayed = ReplayTold(required=False)

    class Meta(AgentSerializer.Meta):
        fields: tuple[str, ...] = (*AgentSerializer.Meta.fields, "replayed")  # type: ignore[assignment]


class AgentSwitches(WorkspaceRows):
    """The rows themselves are in `agents.views`."""

    queryset = Agent.objects.all()
    serializer_class = AgentSerializer
    scopes: ClassVar[dict[str, str]] = {"run": "run"}
    list = None  # type: ignore[assignment]  # `agents.views` answers these two
    retrieve = None  # type: ignore[assignment]

    @extend_schema(request=Resumed, responses=ActivatedAgent)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, **_: Any) -> Response:
        """Makes the agent live: its triggers start runs. 400 where it has no steps.

        An agent that paused by itself, its day being full, gets a new day from now on. With `replay_skipped` it also
        runs what its full day skipped, at most 1,000, oldest first; `replayed` in the answer says what came of it.
        """
        options = Resumed(data=request.data)
        self.check(options)
        if not options.validated_data["replay_skipped"]:
            return self._switch(launch.activate, "activate")
        told: dict[str, Any] = {}

        def resume(agent: Agent) -> None:
            told.update(replay.summary(*replay.resume_and_replay(agent)))

        answer = self._switch(resume, "activate", more=told)
        answer.data["replayed"] = told
        return answer

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **_: Any) -> Response:
        """Nothing starts, and what is queued is skipped; events are still written down."""
        return self._switch(launch.pause, "pause")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, **_: Any) -> Response:
        """Puts the agent away; its history stays."""
        return self._switch(launch.archive, "archive")

    def _switch(
        self, switch: Callable[[Agent], None], verb: str, *, more: dict[str, Any] | None = None
    ) -> Response:
        """`more`: what `switch` adds for the trail."""
        with transaction.atomic():
            agent = self.locked_object()
            before = agent.status
            try:
                switch(agent)
            except launch.CannotStart as error:
                details = {"steps": [str(error)]}
                raise Invalid(str(error), code="cannot_activate", details=details) from None
            after = {"status": agent.status, **({"replayed": more} if more else {})}
            self.record(verb, agent, before={"status": before}, after=after)
        return self.answer(self.represent(self.get_object()))

    @extend_schema(request=Inputs, responses={202: Started})
    @action(detail=True, methods=["post"])
    def run(self, request: Request, **_: Any) -> Response:
        """Runs the agent once, now, with the body's `inputs`. It passes every gate, so the run may end up skipped."""
        agent = self.get_object()
        inputs = _inputs(request.data)
        try:
            with transaction.atomic():
                execution = launch.run_now(agent, inputs=inputs, actor=actors.current() or "system")
                self.record("run", agent, after={"execution_id": str(execution.pk)})
        except InvalidPayload as error:
            raise Invalid(str(error), code="invalid_inputs") from None
        return Response({"execution_id": execution.pk}, status=202)


def _inputs(body: Any) -> dict[str, Any]:
    refuse_unknown(body, known=["inputs"])
    given = body.get("inputs")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Invalid("inputs: Give an object.", details={"inputs": ["Give an object."]})
    if len(json.dumps(given)) > MAX_INPUTS_BYTES:
        message = f"Inputs are at most {MAX_INPUTS_BYTES // 1024} KiB."
        raise Invalid(f"inputs: {message}", details={"inputs": [message]})
    return given
