"""Language models behind one door. Nothing outside this package knows what speaks to them.

    question = Question(workspace_id, model="openai:gpt-5.6", instructions="Judge.", messages=[llm.data({...})])
    answer = await llm.ask(question)
    filled = await llm.fill(workspace_id, model="offline:rules", instructions="...", fields={...}, schema={...})

`model` is `provider:model`: a provider of the workspace (`agents.models.ModelProvider`), one whose key the environment
holds, or `offline:rules`, which is no language model and needs nothing.

`ask` and `fill` are async, open no transaction, repeat nothing by themselves and end after `seconds`, whatever the
server does; what the process has to import for it comes before. All that goes wrong is an ActionFailed: `retryable`,
with `host` where the provider is at fault, so that whoever runs them retries, holds or gives up as for any other call
outside; HostAway while the provider's breaker is open (`agents.hosts`); Unusable where the model answered and the
answer is of no use.

What comes from outside is told with `data`, apart from the instructions. Secrets that the caller knows are taken out of
all that is told.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.conf import settings

from agents import hosts
from agents.actions import ActionFailed
from agents.llm import offline, providers, schemas
from agents.llm.messages import MAX_DATA as MAX_DATA
from agents.llm.messages import Message as Message
from agents.llm.messages import data as data
from agents.llm.messages import without
from agents.llm.meters import Meter as Meter
from agents.llm.meters import Usage as Usage
from agents.llm.providers import Provider
from config.lib import json, late
from config.lib.problems import path_of
from config.lib.secrets import redact
from config.lib.threads import in_thread

MAX_OUTPUT_TOKENS = 4096
SHOWN = 1_000  # letters of an answer of no use, in its failure
ANSWER = "answer"  # the name of the tool that carries a typed answer

Tell = Callable[[str], None]  # the whole text so far, each time that there is more


class Unusable(ActionFailed):
    """The model answered, and not as asked: no fault of the provider's, and not to be taken for an answer."""

    is_answer = True

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage
        self.taken: dict[str, Any] = {}  # see `told`, where the model took something


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may ask for. `schema`: JSON Schema of its arguments, an object."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """What the model asks for. `problem`: why the arguments cannot be read, else empty."""

    id: str
    name: str
    arguments: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a model. `schema`: JSON Schema of a typed answer (an object), else the answer is text.
    `secrets`: texts that the model must not see.
    """

    workspace_id: uuid.UUID
    model: str
    instructions: str
    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    schema: dict[str, Any] | None = None
    max_output_tokens: int = MAX_OUTPUT_TOKENS
    seconds: float = field(default_factory=lambda: settings.MODEL_CALL_SECONDS)
    secrets: tuple[str, ...] = ()
    meter: Meter | None = None

    @property
    def most(self) -> Usage:
        """What it may take at most: four bytes are about a token, and never fewer than two."""
        told = [self.instructions, *map(str, self.messages), *map(str, self.tools)]
        return Usage(sum(len(text.encode()) for text in told) // 2, self.max_output_tokens)


@dataclass(frozen=True, slots=True)
class Answer:
    """`value`: the typed answer where a schema asked for one and no tool is wanted first. `carry`: what a provider
    wants to see again in the next turn, as it gave it (thoughts that it signed). `cost` in dollars, where a meter
    knows it.
    """

    model: str
    text: str = ""
    value: Any = None
    calls: tuple[Call, ...] = ()
    usage: Usage = field(default_factory=Usage)
    carry: list[Any] | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A value that fits its schema, and what it took; `cost` as of an Answer."""

    value: dict[str, Any]
    model: str
    usage: Usage
    cost: Decimal | None = None


async def ask(question: Question, *, tell: Tell | None = None) -> Answer:
    """One answer; see the module. `tell` hears the text while it is written. A typed answer fits its schema."""
    question = _without_secrets(question)
    provider = await in_thread(providers.find, question.workspace_id, question.model)
    await prepare(provider)
    ticket = (
        await question.meter.reserve(question.model, most=question.most) if question.meter else None
    )
    used, cost, answer = None, None, None
    try:
        answer = await _ask(question, provider, tell)
        used = answer.usage
        outcome: Answer | Unusable = checked(question, answer)
    except Unusable as error:
        outcome, used = error, error.usage or used
    finally:
        if question.meter:
            cost = await question.meter.settle(ticket, used)
    if isinstance(outcome, Unusable):
        outcome.taken = _taken(question.model, used, cost) if used else {}
        outcome.answered = {"text": answer.text, "value": answer.value} if answer else None
        raise outcome
    return replace(outcome, cost=cost)


async def fill(
    workspace_id: uuid.UUID,
    *,
    model: str,
    instructions: str,
    fields: Mapping[str, Any],
    schema: dict[str, Any],
    examples: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]] = (),
    seconds: float | None = None,
    secrets: tuple[str, ...] = (),
    meter: Meter | None = None,
) -> Filled:
    """A structured answer to a prompt with given fields: a value that fits `schema` (JSON Schema of an object).

    Only `fields` are told, as data. `examples`: (fields, value) pairs that show what is wanted. No tools, no secrets.
    Raises Unusable where what the model answers does not fit the schema, else as `ask`.
    """
    messages: list[Message] = []
    for shown, wanted in examples:
        messages += [data(shown, secrets=secrets), {"role": "assistant", "text": _text(wanted)}]
    messages.append(data(fields, secrets=secrets))
    question = Question(
        workspace_id=workspace_id,
        model=model,
        instructions=instructions,
        messages=messages,
        schema=schema,
        seconds=seconds or settings.MODEL_CALL_SECONDS,
        secrets=secrets,
        meter=meter,
    )
    answer = await ask(question)
    return Filled(answer.value, answer.model, answer.usage, answer.cost)


async def _ask(question: Question, provider: Provider, tell: Tell | None) -> Answer:
    if provider.kind == providers.OFFLINE:
        answer = offline.answer(question)
        if tell and answer.text:
            tell(answer.text)
        return answer
    async with hosts.calling(
        question.workspace_id, provider.host, seconds=question.seconds
    ) as call:
        answer = await request(question, provider, tell)
        call.answered = True
        return answer


async def prepare(provider: Provider) -> None:
    """Imports what speaks to such a provider: seconds and 70 MB, so only where one is asked, and before any clock."""
    if provider.kind != providers.OFFLINE:
        await late.imported("agents.llm.wire")
        from agents.llm import wire

        await late.once(wire.warm_up, provider.kind)


async def request(question: Question, provider: Provider, tell: Tell | None) -> Answer:
    """Asks whatever the provider's breaker says; bounded in time. The provider is prepared."""
    from agents.llm import wire

    try:
        async with asyncio.timeout(question.seconds):
            return await wire.request(question, provider, tell)
    except TimeoutError:
        message = f"{provider.name} did not answer within {question.seconds:g} s."
        raise ActionFailed(message, retryable=True, host=provider.host) from None


def checked(question: Question, answer: Answer) -> Answer:
    """The answer, where it is one. Raises Unusable."""
    if answer.calls:
        return answer
    if question.schema is None:
        if not answer.text.strip():
            raise Unusable("The model answered nothing.", answer.usage)
        return answer
    value = answer.value if answer.value is not None else _read(answer.text)
    if not isinstance(value, dict):
        problem = "The model answered with a text, not with the fields asked for."
        raise _misfit(problem, answer.text, answer)
    for error in schemas.validator(question.schema).iter_errors(value):
        where = path_of(error.instance_path) or "it"
        problem = f"The model's answer does not fit: {where}: {error.message[:300]}"
        raise _misfit(problem, _text(value), answer)
    return replace(answer, value=value)


def _misfit(problem: str, said: str, answer: Answer) -> Unusable:
    """With what was said: who looks at the failure later has nothing else."""
    shown = f" It answered: {said[:SHOWN]}" if said.strip() else ""
    return Unusable(f"{problem}{shown}", answer.usage)


def told(answer: Answer | Filled) -> dict[str, Any]:
    """What an answer took, as a journal keeps it; `cost` is null where no price is known."""
    return _taken(answer.model, answer.usage, answer.cost)


def _taken(model: str, usage: Usage, cost: Decimal | None) -> dict[str, Any]:
    return {
        "model": model,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": None if cost is None else float(cost),
    }


def _read(text: str) -> Any:
    """JSON that a model wrote as text, perhaps fenced."""
    inner = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        return json.loads(inner.encode())
    except json.InvalidJSON:
        return None


def _text(value: Any) -> str:
    return json.dumps(value).decode()


def _without_secrets(question: Question) -> Question:
    if not question.secrets:
        return question
    known = question.secrets
    return replace(
        question,
        instructions=redact(question.instructions, known=known),
        messages=[without(known, message) for message in question.messages],
    )
