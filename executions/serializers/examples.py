"""How the examples of conditions in words did, as it is answered."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from triggers.serializers import ValidConditions


class ExampleResult(serializers.Serializer[dict[str, Any]]):
    """What a model made of one example; `got` is null where its answer was of no use."""

    input = serializers.JSONField()
    expected = serializers.BooleanField()
    got = serializers.BooleanField(allow_null=True)
    passed = serializers.BooleanField()
    reason = serializers.CharField()
    evidence = serializers.CharField()
    confidence = serializers.FloatField(allow_null=True)
    error = serializers.CharField()


class TryBody(serializers.Serializer[dict[str, Any]]):
    """What a trial may be asked for; nothing at all is allowed."""

    is_closed = True
    paths = serializers.ListField(
        child=serializers.CharField(allow_blank=True, max_length=500),
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="Only the conditions at these places, as `questions` names them; without it, all of them.",
    )


class QuestionState(serializers.Serializer[dict[str, Any]]):
    """One condition in words that has examples."""

    path = serializers.CharField(help_text="Its place in the conditions.")
    description = serializers.CharField()
    model = serializers.CharField(help_text="That is asked now.")
    state = serializers.CharField(help_text="passed, failed or untried.")
    passed = serializers.IntegerField()
    total = serializers.IntegerField(help_text="0 where they were not tried with this model.")
    tried_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(help_text="Why they could not be tried.")


class QuestionTold(QuestionState):
    results = ExampleResult(many=True)


class Examples(serializers.Serializer[dict[str, Any]]):
    """Of all conditions in words of a trigger."""

    state = serializers.CharField(
        help_text="none (no condition has examples), passed, untried, or failed: it cannot be enabled."
    )
    pass_rate = serializers.FloatField(allow_null=True, help_text="0 to 1, of what was tried.")
    passed = serializers.IntegerField()
    total = serializers.IntegerField()
    required = serializers.FloatField(  # type: ignore[assignment]  # the answer's own word
        help_text="Of each condition: examples_pass_rate."
    )
    activates_when_tried = serializers.BooleanField(
        help_text="It is paused, and listens by itself as soon as they were tried and pass."
    )
    questions = QuestionState(many=True)


class ExamplesTold(Examples):
    questions = QuestionTold(many=True)


class TriedQuestion(serializers.Serializer[dict[str, Any]]):
    path = serializers.CharField()
    model = serializers.CharField()
    passed = serializers.IntegerField()
    total = serializers.IntegerField()
    error = serializers.CharField()
    results = ExampleResult(many=True)


class TriedConditions(ValidConditions):
    """With `try`, also what the models made of the examples."""

    examples = TriedQuestion(many=True, required=False)
