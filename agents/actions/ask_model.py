"""Ask a language model one question; later steps use what it answers, such as `@steps.1.output.score`."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from agents import actions, llm, params, templating
from agents.actions import ActionFailed, Effect, Scene
from agents.llm import Question, providers, schemas
from config.lib import json
from crm.models import Workspace

MAX_PROMPT = 50_000

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "prompt": {
            "type": "string",
            "title": "Prompt",
            "description": "What to do. Variables such as @form.fields.message are told apart, as data.",
            "minLength": 1,
            "maxLength": MAX_PROMPT,
            "x-widget": "textarea",
        },
        "model": {
            "type": "string",
            "title": "Model",
            "description": f"provider:model, such as openai:gpt-5.6 or {providers.RULES}; empty for the agent's own.",
            "maxLength": 200,
        },
        "output_schema": {
            "type": "object",
            "title": "Fields of the answer",
            "description": "JSON Schema of an object. Without one the answer is a text.",
            "x-widget": "json",
        },
        "max_output_tokens": {
            "type": "integer",
            "title": "Longest answer, in tokens",
            "minimum": 16,
            "maximum": 65_536,
            "default": llm.MAX_OUTPUT_TOKENS,
        },
        "timeout_seconds": {
            "type": "number",
            "title": "Timeout in seconds",
            "minimum": 1,
            "maximum": 600,
            "default": settings.MODEL_CALL_SECONDS,
        },
    },
    "required": ["prompt"],
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    problems: dict[str, str] = {}
    model = values.get("model") or ""
    if model and not templating.variables_in(model) and providers.split(model) == ("", ""):
        problems["model"] = f"Write provider:model, such as openai:gpt-5.6 or {providers.RULES}."
    if values.get("output_schema") and (problem := schemas.problem_of(values["output_schema"])):
        problems["output_schema"] = problem
    return problems


@actions.register(
    name="ask_model",
    label="Ask model",
    description="Asks a language model; later steps use its answer, a text or fields of your choice.",
    schema=SCHEMA,
    effect=Effect.REPEATABLE,
    check=check,
    raw=("prompt",),
    icon="psychology",
    output_sample={"score": 80, "reason": "Asks for prices of 40 seats."},
)
async def perform(scene: Scene, values: dict[str, Any]) -> Any:
    model = params.text(values, "model", max_length=200) or scene.model
    if not model:
        raise ActionFailed("Which model? Give this step one, or its agent.")
    tokens = params.number(values, "max_output_tokens", minimum=16, maximum=65_536)
    seconds = params.number(values, "timeout_seconds", minimum=1, maximum=600)
    prompt, fields = _apart(scene, params.required_text(values, "prompt", max_length=MAX_PROMPT))
    question = Question(
        workspace_id=scene.workspace_id,
        model=model,
        instructions="\n\n".join(filter(None, [templating.named(scene.instructions), prompt])),
        messages=[llm.data(fields, secrets=scene.secrets)],
        schema=params.mapping(values, "output_schema") or None,
        max_output_tokens=int(tokens or llm.MAX_OUTPUT_TOKENS),
        seconds=seconds or settings.MODEL_CALL_SECONDS,
        secrets=scene.secrets,
        meter=scene.meter,
    )
    try:
        answer = await llm.ask(question, tell=scene.tell)
    except llm.Unusable as error:
        scene.usage.update(error.taken)
        raise
    scene.usage.update(llm.told(answer))
    return json.sanitise(answer.value if question.schema else answer.text)


def _apart(scene: Scene, prompt: str) -> tuple[str, dict[str, Any]]:
    try:
        return templating.apart(prompt, scene.variables)
    except templating.UnknownVariable as error:
        raise ActionFailed(str(error)) from error
