"""One request to a real provider, through pydantic-ai. Imported where the first model is asked, not before."""

from __future__ import annotations

import asyncio
import email.utils
import inspect
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2
from pydantic_ai import exceptions, models
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from agents.actions import ActionFailed
from agents.answers import MAX_RETRY_AFTER
from agents.llm import ANSWER, Answer, Call, Question, Tell, Unusable, Usage, providers
from agents.llm.transport import Transport, keep_headers_of_the_server
from agents.wires import TooLarge
from config.lib import json
from config.lib.secrets import redact_text

if TYPE_CHECKING:
    from pydantic_ai.providers import Provider

_OVERLOADED = (408, 409, 425, 429)  # these too mean: later


async def request(question: Question, provider: providers.Provider, tell: Tell | None) -> Answer:
    """Asks once; the caller bounds the time. Raises ActionFailed."""
    if not providers.is_sendable(provider.api_key):
        raise ActionFailed(f"The key of {provider.name} has characters that cannot be sent.")
    async with _client(provider) as client:
        try:
            model = await asyncio.to_thread(_model, provider, client)  # Google's takes 40 ms
            return _answer(await _exchange(model, question, tell), question, provider)
        except exceptions.ModelHTTPError as error:
            raise _refused(error, provider) from error
        except exceptions.UnexpectedModelBehavior as error:
            message = f"{provider.name} answered what cannot be read: {_short(error, provider)}"
            raise Unusable(message) from error
        except (exceptions.ModelAPIError, httpx2.HTTPError, httpx2.StreamError) as error:
            raise _broken(error, provider) from error
        except exceptions.UserError as error:
            raise ActionFailed(f"{provider.name}: {_short(error, provider)}") from error


def warm_up(kind: str) -> None:
    """Imports what a provider of this kind needs, by making a model that is never asked."""
    nobody = providers.Provider(kind, kind, "any", "http://127.0.0.1:9", "none", is_own=True)
    with suppress(ActionFailed, exceptions.UserError):  # whoever asks is told
        _model(nobody, _client(nobody))


async def _exchange(model: Model, question: Question, tell: Tell | None) -> ModelResponse:
    messages, settings = list(_messages(question)), _settings(question, model)
    parameters = _parameters(question)
    if tell is None:
        return await model.request(messages, settings, parameters)
    async with model.request_stream(messages, settings, parameters) as stream:
        told = ""
        async for _event in stream:
            text = stream.get().text or ""
            if text != told:
                told = text
                tell(text)
        response = stream.get()
    if response.finish_reason is None:
        raise httpx2.ReadError("the answer broke off")
    return response


def _settings(question: Question, model: Model) -> ModelSettings:
    """Nothing is tried again down there: our own attempts are the only ones. That is said to the client itself where it
    hears it: pydantic-ai would take a copy instead, and that reads the server's environment anew.
    """
    settings = ModelSettings(max_tokens=question.max_output_tokens, timeout=question.seconds)
    client: Any = getattr(model, "client", None)
    if hasattr(client, "max_retries"):
        client.max_retries = 0
    else:
        settings["max_retries"] = 0
    return settings


def _parameters(question: Question) -> ModelRequestParameters:
    tools = [
        ToolDefinition(
            name=tool.name, description=tool.description, parameters_json_schema=tool.schema
        )
        for tool in question.tools
    ]
    if question.schema is None:
        return ModelRequestParameters(function_tools=tools)
    typed = ToolDefinition(
        name=ANSWER,
        description="Gives the answer. Call this once, at the end.",
        parameters_json_schema=question.schema,
        kind="output",
    )
    return ModelRequestParameters(
        function_tools=tools, output_mode="tool", output_tools=[typed], allow_text_output=False
    )


# --- what is told ---------------------------------------------------------------------------------


def _messages(question: Question) -> Iterator[ModelMessage]:
    parts: list[Any] = [SystemPromptPart(question.instructions)] if question.instructions else []
    for message in question.messages:
        if message["role"] == "user":
            parts.append(UserPromptPart(message["text"]))
        elif message["role"] == "tool":
            parts.append(ToolReturnPart(message["name"], message["content"], message["id"]))
        else:
            if parts:
                yield ModelRequest(parts)
                parts = []
            yield _said(message)
    if parts:
        yield ModelRequest(parts)


def _said(message: dict[str, Any]) -> ModelMessage:
    if carry := message.get("carry"):
        return ModelMessagesTypeAdapter.validate_python(carry)[0]
    parts: list[Any] = [TextPart(message["text"])] if message.get("text") else []
    calls = message.get("calls") or ()
    parts += [ToolCallPart(call["name"], call["arguments"], call["id"]) for call in calls]
    return ModelResponse(parts)


# --- what is answered -----------------------------------------------------------------------------


def _answer(response: ModelResponse, question: Question, provider: providers.Provider) -> Answer:
    usage = Usage(response.usage.input_tokens, response.usage.output_tokens)
    if response.finish_reason == "length":
        message = f"The answer is longer than {question.max_output_tokens} tokens and was cut off."
        raise Unusable(message, usage)
    calls = [_call(part) for part in response.parts if isinstance(part, ToolCallPart)]
    typed = next((call for call in calls if question.schema and call.name == ANSWER), None)
    wanted = tuple(call for call in calls if call is not typed)
    if typed is not None and typed.problem and not wanted:
        raise Unusable(f"The model's answer is not JSON: {typed.problem}", usage)
    plain = all(isinstance(part, TextPart | ToolCallPart) for part in response.parts)
    return Answer(
        model=f"{provider.name}:{response.model_name or provider.model}",
        text=response.text or "",
        value=typed.arguments if typed is not None and not wanted else None,
        calls=wanted,
        usage=usage,
        # What is more than texts and calls, such as signed thoughts, the provider wants back as it was.
        carry=None if plain else ModelMessagesTypeAdapter.dump_python([response], mode="json"),
    )


def _call(part: ToolCallPart) -> Call:
    if isinstance(part.args, dict):
        arguments, problem = json.sanitise(part.args), ""
    else:
        arguments, problem = _arguments(part.args or "{}")
    return Call(part.tool_call_id, part.tool_name, arguments, problem)


def _arguments(text: str) -> tuple[dict[str, Any], str]:
    try:
        found = json.loads(text)
    except json.InvalidJSON as error:
        return {}, str(error)
    return (found, "") if isinstance(found, dict) else ({}, "The arguments are no object.")


# --- whom to ask ----------------------------------------------------------------------------------


def _client(provider: providers.Provider) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=Transport(provider.api_key if provider.is_own else None),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(None),
    )


def _model(provider: providers.Provider, client: httpx2.AsyncClient) -> Model:
    if provider.kind == providers.COMPATIBLE:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        own = OpenAICompatibleProvider(
            provider.name,
            base_url=provider.base_url,
            api_key=provider.api_key or "none-needed",
            http_client=client,
        )
        keep_headers_of_the_server(own.client)
        return OpenAIChatModel(provider.model, provider=own)
    return models.infer_model(
        f"{provider.kind}:{provider.model}", lambda _name: _of_kind(provider, client)
    )


def _of_kind(provider: providers.Provider, client: httpx2.AsyncClient) -> Provider[Any]:
    from pydantic_ai.providers import infer_provider_class

    try:
        kind = infer_provider_class(provider.kind)
    except ValueError:
        raise ActionFailed(f"There is no kind of provider named {provider.kind!r}.") from None
    except ImportError as error:
        message = f"The library for {provider.kind} is not installed on this server: {error}"
        raise ActionFailed(message[:500]) from None
    takes = inspect.signature(kind.__init__).parameters
    if "http_client" not in takes:
        raise ActionFailed(
            f"{provider.kind} cannot be used here: its library opens connections that cannot be checked."
        )
    given = {"http_client": client, "api_key": provider.api_key, "base_url": provider.base_url}
    found = kind(**{name: value for name, value in given.items() if name in takes and value})
    if provider.is_own:
        keep_headers_of_the_server(found.client)
    return found


# --- what goes wrong ------------------------------------------------------------------------------


def _refused(error: exceptions.ModelHTTPError, provider: providers.Provider) -> ActionFailed:
    """The status decides, as for any other request: 429 and 5xx are the provider's, everything else is ours."""
    status = error.status_code
    at_fault = status in _OVERLOADED or status >= 500
    said = redact_text(_said_by(error.body), known=(provider.api_key,))
    message = f"{provider.name} answered {status}{': ' if said else ''}{said}"
    if status in (401, 403):
        message += " Check the key under Model providers."
    return ActionFailed(
        message,
        retryable=at_fault,
        retry_after=_retry_after(error.headers or {}) if at_fault else None,
        host=provider.host if at_fault else "",
    )


def _said_by(body: object) -> str:
    """The sentence inside `{"error": {"message": ...}}`, or what there is."""
    inner: Any = body
    while isinstance(inner, dict) and inner:
        inner = inner.get("error") or inner.get("message") or next(iter(inner.values()))
    return " ".join(str(inner or "").split())[:300]


def _retry_after(headers: dict[str, str]) -> float | None:
    """Seconds; the header holds seconds or a date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    try:
        return min(max(float(text), 0.0), MAX_RETRY_AFTER)
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _broken(error: Exception, provider: providers.Provider) -> ActionFailed:
    """No connection, or it broke off; what our own transport refused is told as it said it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ActionFailed):
            return cause
        if isinstance(cause, TooLarge):
            return Unusable(f"{provider.name} {cause}")
        cause = cause.__cause__ or cause.__context__
    message = f"{provider.name} broke off: {_short(error, provider)}"
    return ActionFailed(message, retryable=True, host=provider.host)


def _short(error: BaseException, provider: providers.Provider) -> str:
    said = " ".join(str(error).split())[:300] or type(error).__name__
    return redact_text(said, known=(provider.api_key,))
