"""Ask another system over HTTP."""

from __future__ import annotations

import re
from typing import Any

from agents import actions, answers, hosts, http, params, templating
from agents.actions import ActionFailed, Effect, Scene
from config.lib import json, logs
from config.lib.secrets import is_secret_name
from crm.models import Workspace

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SAFE = ("GET", "HEAD")
MAX_SECONDS = 120
_USER_INFO = re.compile(r"[a-z]+://[^/?#@]*:[^/?#@]+@", re.IGNORECASE)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "method": {
            "x-guarded": True,
            "type": "string",
            "title": "Method",
            "enum": list(METHODS),
            "default": "GET",
        },
        "url": {
            "x-guarded": True,
            "type": "string",
            "title": "URL",
            "description": "A public http:// or https:// address.",
            "format": "uri",
            "minLength": 1,
            "maxLength": http.MAX_URL,
        },
        "headers": {
            "x-guarded": True,
            "type": "object",
            "title": "Headers",
            "description": "For example Authorization. What looks like a secret is not shown in the history.",
            "additionalProperties": {"type": "string"},
            "maxProperties": 50,
            "x-widget": "pairs",
        },
        "json": {
            "title": "JSON body",
            "description": "Sent as application/json.",
            "x-widget": "json",
        },
        "body": {
            "type": "string",
            "title": "Text body",
            "description": "Instead of JSON; say its Content-Type in the headers.",
            "maxLength": 200_000,
            "x-widget": "textarea",
        },
        "expect_status": {
            "x-guarded": True,
            "type": "integer",
            "title": "Expected status",
            "description": "Any other fails the step; empty for every 2xx.",
            "minimum": 100,
            "maximum": 599,
        },
        "idempotent": {
            "x-guarded": True,
            "type": "boolean",
            "title": "May be sent twice",
            "description": "The other side honours an Idempotency-Key: after a crash the request is sent again with "
            "the same key. Otherwise a person is asked whether it arrived.",
            "default": False,
        },
        "follow_redirects": {
            "x-guarded": True,
            "type": "boolean",
            "title": "Follow redirects",
            "default": False,
        },
        "timeout_seconds": {
            "x-guarded": True,
            "type": "number",
            "title": "Timeout in seconds",
            "minimum": 1,
            "maximum": MAX_SECONDS,
            "default": http.TOTAL_SECONDS,
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    problems: dict[str, str] = {}
    url = values["url"]
    if not templating.variables_in(url):
        problem = http.problem_of(url)
        if problem:
            problems["url"] = problem
    elif _USER_INFO.match(url):
        problems["url"] = "Put the user name and password into a header, not into the URL."
    elif url.startswith("@") is False and not url.lower().startswith(("http://", "https://")):
        problems["url"] = "Only http:// and https:// addresses can be asked."
    if values.get("json") is not None and values.get("body"):
        problems["body"] = "Give a JSON body or a text body, not both."
    if _method(values) in _SAFE and (values.get("json") is not None or values.get("body")):
        problems["method"] = f"{_method(values)} sends no body."
    return problems


def effect_of(values: dict[str, Any]) -> Effect:
    repeatable = _method(values) in _SAFE or params.flag(values, "idempotent")
    return Effect.REPEATABLE if repeatable else Effect.OUTSIDE


@actions.register(
    name="http_request",
    label="HTTP request",
    description="Asks another system over HTTP; later steps can use what it answers.",
    schema=SCHEMA,
    effect=Effect.OUTSIDE,
    effect_of=effect_of,
    reaches=lambda params: _method(params) not in _SAFE,
    check=check,
    icon="public",
    output_sample={
        "status": 200,
        "url": "https://api.example.org/",
        "headers": {},
        "body": {"ok": True},
        "size": 12,
    },
)
async def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    method = _method(values)
    if method not in METHODS:
        raise ActionFailed(f"{method[:20]!r} is not a method; there are: {', '.join(METHODS)}.")
    seconds = params.number(values, "timeout_seconds", minimum=1, maximum=MAX_SECONDS)
    status = params.number(values, "expect_status", minimum=100, maximum=599)
    headers = _headers(scene, values, method)
    repeatable = effect_of(values) is Effect.REPEATABLE
    url, content = params.required_text(values, "url"), _content(values, method)
    seconds = seconds or http.TOTAL_SECONDS
    named = (value for name, value in headers.items() if is_secret_name(name))
    known = (*named, *scene.secrets)
    host, place = http.host_of(url), http.place_of(url)
    async with hosts.calling(scene.workspace_id, host, seconds=seconds, place=place) as call:
        answer = await http.request(
            method,
            url=url,
            headers=headers,
            content=content,
            follow_redirects=params.flag(values, "follow_redirects"),
            repeatable=repeatable,
            seconds=seconds,
        )
        call.answered = True
        expected = int(status) if status else None
        answers.expect(answer, status=expected, known=known, repeatable=repeatable)
    return {
        "status": answer.status,
        "url": answer.url,
        "headers": answer.headers,
        "body": answer.body,
        "size": answer.size,
    }


def _method(values: dict[str, Any]) -> str:
    return (params.text(values, "method") or "GET").upper()


def _headers(scene: Scene, values: dict[str, Any], method: str) -> dict[str, str]:
    given = params.mapping(values, "headers")
    headers = {name: params.as_text(value, name=f"headers.{name}") for name, value in given.items()}
    names = {name.lower() for name in headers}
    if values.get("json") is not None and "content-type" not in names:
        headers["Content-Type"] = "application/json"
    if "x-request-id" not in names and (correlation := logs.correlation_id.get()):
        headers["X-Request-ID"] = correlation  # theirs and ours can be told to belong together
    if method not in _SAFE and params.flag(values, "idempotent"):
        headers = {
            name: value for name, value in headers.items() if name.lower() != "idempotency-key"
        }
        headers["Idempotency-Key"] = scene.idempotency_key
    return headers


def _content(values: dict[str, Any], method: str) -> bytes | None:
    if values.get("json") is not None and values.get("body"):
        raise ActionFailed("Give a JSON body or a text body, not both.")
    if values.get("json") is not None:
        content = json.dumps(values["json"])
    else:
        content = params.as_text(values.get("body"), name="body").encode()
    if content and method in _SAFE:
        raise ActionFailed(f"{method} sends no body.")
    return content or None
