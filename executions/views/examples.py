"""The examples of conditions in words over REST: tried before a trigger may listen, by hand, and before it is there."""

from __future__ import annotations

import uuid
from copy import copy, deepcopy
from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from agents.models import Agent
from config.lib.rest import Invalid
from config.lib.rest.names import refuse_unknown
from config.lib.rest.schema import failures as failing
from config.lib.throttle import PerCaller
from crm.access import scopes_of
from crm.rest import WorkspaceView, WorkspaceViewSet
from executions import trying
from executions.serializers.examples import ExamplesTold, TriedConditions, TryBody
from triggers import activation, blueprint, condition_fields, failures, trials
from triggers.models import Trigger
from triggers.serializers import ConditionsBody
from triggers.trials import Tried

NO_AGENT = "Say which agent: its model is asked, and its budget pays for it."


class TryThrottle(PerCaller):
    """Of trials by hand: each asks a model."""

    name = "try"
    setting = "TRY_PER_MINUTE"

    def cost(self, request: Request) -> int:
        return 1 if request.method == "POST" else 0


class TryInBodyThrottle(TryThrottle):
    def cost(self, request: Request) -> int:
        return 1 if isinstance(request.data, dict) and request.data.get("try") else 0


class ExamplesOfTrigger(WorkspaceViewSet):
    """What the view of triggers does about examples; models are asked before its transactions begin."""

    tried: list[Tried]

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.tried = self._ahead(Trigger(workspace=self.workspace), request.data)
        return super().create(request, *args, **kwargs)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.get_object()
        self.refuse_stale(self.represent(row))
        self.tried = self._ahead(row, request.data)
        return super().update(request, *args, **kwargs)

    def _ahead(self, trigger: Trigger, body: Any) -> list[Tried]:
        """What is wrong with the body is told when it is stored."""
        if not (trials.has_examples(trigger.conditions) or _brings_examples(body)):
            return []
        before, draft = trying.standing(trigger), copy(trigger)
        try:
            blueprint.apply(draft, deepcopy(dict(body)))
        except blueprint.InvalidTrigger:
            return []
        return trying.ahead(draft, before=before)

    def store_tried(self, trigger: Trigger, fields: dict[str, Any]) -> list[str]:
        """`blueprint.store`, paused or refused where its examples say so; inside the transaction."""
        before = trying.standing(trigger)

        def admit(draft: Trigger) -> list[str]:
            return trying.admit(draft, before=before, tried=self.tried)

        warnings = blueprint.store(trigger, fields, admit=admit)
        trying.keep(trigger, before=before, tried=self.tried)
        return warnings

    def try_first(self, trigger: Trigger) -> None:
        """Before it is switched on."""
        if not trigger.is_builtin:
            trying.ensure(trigger)

    @extend_schema(responses=ExamplesTold, operation_id="triggers_examples")
    @action(detail=True, url_path="try-conditions", throttle_classes=[TryThrottle])
    def examples(self, request: Request, **_: Any) -> Response:
        """How the examples of its conditions in words did the last time."""
        return Response(activation.told(self.get_object(), with_results=True))

    @extend_schema(
        request=TryBody,
        responses={200: ExamplesTold, **failing(429)},
        operation_id="triggers_try_conditions",
    )
    @examples.mapping.post
    def try_conditions(self, request: Request, **_: Any) -> Response:
        """Asks the models about the examples of all conditions, or of some, now; takes `EXAMPLES_SECONDS` at most."""
        trigger = self.get_object()
        trying.try_now(trigger, paths=self._paths(trigger))
        answer = activation.told(self.get_object(), with_results=True)
        with transaction.atomic():
            told = {name: answer[name] for name in ("state", "passed", "total")}
            self.record("try_conditions", trigger, after=told)
        return Response(answer)

    def _paths(self, trigger: Trigger) -> set[str] | None:
        """None for all of them. Raises ValidationError, Invalid."""
        body = TryBody(data=self.request.data)
        body.is_valid(raise_exception=True)
        refuse_unknown(self.request.data, known=body.fields)
        if "paths" not in body.validated_data:
            return None
        known = {one.path for one in trials.wanted(trigger)}
        for path in body.validated_data["paths"]:
            if path not in known:
                there = ", ".join(map(repr, sorted(known))) or "none"
                raise _invalid("paths", f"No condition at {path!r} has examples; there is {there}.")
        return set(body.validated_data["paths"])


def _brings_examples(body: dict[str, Any]) -> bool:
    """Also where the conditions stand inside the configuration."""
    config = body.get("config")
    inner = config.get("conditions") if isinstance(config, dict) else None
    return trials.has_examples(body.get("conditions")) or trials.has_examples(inner)


class ValidateConditions(WorkspaceView):
    """Checks conditions, and answers them in the form in which they are stored.

    With `try` it asks the models about the examples, too: that needs the scope `run` and an agent, whose budget pays.
    """

    scopes: ClassVar[dict[str, str]] = {"post": "read"}
    throttle_classes = (TryInBodyThrottle,)

    @extend_schema(
        request=ConditionsBody,
        responses={200: TriedConditions, **failing(429)},
        operation_id="triggers_validate_conditions",
    )
    def post(self, request: Request) -> Response:
        body: Any = request.data
        agent, wants_trial = self._agent(body.get("agent_id")), self._wants_trial(body)
        if wants_trial and agent is None:
            raise _invalid("agent_id", NO_AGENT)
        try:
            tree, warnings = condition_fields.check(
                _tree(body),
                workspace=self.workspace,
                agent=agent,
                trigger_type=_given(body, "trigger_type", str, "a text"),
                config=_given(body, "config", dict, "an object"),
            )
        except blueprint.InvalidTrigger as error:
            raise failures.of_trigger(error) from None
        answer = {"valid": True, "canonical": tree, "warnings": warnings}
        if wants_trial and agent is not None:
            answer["examples"] = self._tried(tree, agent)
        return Response(answer)

    def _wants_trial(self, body: dict[str, Any]) -> bool:
        given = body.get("try", False)
        if not isinstance(given, bool):
            raise _invalid("try", "Give true or false.")
        if given and "run" not in scopes_of(self.request):
            raise PermissionDenied("Trying examples needs the scope run.")
        return given

    def _agent(self, given: Any) -> Agent | None:
        """Whose model judges the conditions in words, where the body says so."""
        if given is None:
            return None
        try:
            mine = Agent.objects.select_related("workspace")
            return mine.get(pk=uuid.UUID(str(given)), workspace=self.workspace)
        except (ValueError, Agent.DoesNotExist):
            raise _invalid("agent_id", "There is no agent with this id.") from None

    def _tried(self, tree: dict[str, Any], agent: Agent) -> list[dict[str, Any]]:
        draft = Trigger(workspace=self.workspace, agent=agent, conditions=tree)
        tried = trying.run(trials.wanted(draft), workspace_id=self.workspace.pk, agent_id=agent.pk)
        return [
            {
                "path": one.asked.path,
                "model": one.asked.model,
                "passed": one.passed,
                "total": len(one.results),
                "error": one.error,
                "results": one.results,
            }
            for one in tried
        ]


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", details={field: [message]})


def _given(body: dict[str, Any], name: str, kind: type, words: str) -> Any:
    """Null is as good as nothing."""
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise _invalid(name, f"Give {words}.")
    return value


def _tree(body: dict[str, Any]) -> Any:
    """The conditions of a body; a body that is itself a tree is taken as one."""
    if not {"type", "logic", "rules", "field"}.isdisjoint(body):
        return body
    if "conditions" not in body:
        raise Invalid(
            "conditions: This field is required.",
            code="invalid_conditions",
            details={"conditions": ["This field is required."]},
        )
    return body["conditions"]
