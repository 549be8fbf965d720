"""A workspace's own kind of sender as a webhook type: its schema, its fields, and its code, which the sandbox runs.

    def validate(body, headers, config):    # of `validation_code`: True, and nothing else, accepts
        return same(headers.get("x-shop-key", ""), config["api_key"])

    def parse(body, headers):               # of `custom_parser_code`: an object of plain names
        return {"order": body["order"]["id"]}

Both find `method`, `query` and `config`, and the functions `hmac_sha256` and `same`. The validator has the request as
it came, `raw` (the body's text) too, and the secrets. The parser has no secrets: what it answers is read by agents.

A request is proved by the trigger's `secret` (a signature as `generic` has it), by the validator of a type that asks
for fields to check with, or by both. Where neither is there it is not accepted, unless the trigger says `unsigned`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from config.lib import json
from config.lib.registry import UnknownName
from triggers import payload_samples, payload_schemas, sandbox, webhook_types
from triggers.models import OwnWebhookType, Trigger
from triggers.webhook_types import (
    PREVIOUS,
    SECRET,
    Config,
    Incoming,
    Unavailable,
    Unverified,
    WebhookType,
)
from triggers.webhook_types.generic import Generic

VALIDATE, PARSE = "validate", "parse"
PLAIN_PARSERS = ("json", "custom")  # beside the names of the built-in types
_TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}
_VALUE = {
    "type": ["string", "number", "boolean", "array"],
    "maxLength": 2000,
    "items": {"type": ["string", "number", "boolean"], "maxLength": 2000},
    "maxItems": 100,
}
_NEEDS = "This type does not prove who sent a request: give a secret that it is signed with, or set unsigned to true."


class OwnType(Generic):
    runs_code = True

    def __init__(self, row: OwnWebhookType) -> None:
        self.row = row
        self.name, self.label = row.name, row.name
        self.setup = row.setup
        self.required_fields = tuple(row.required_config_fields)
        self.default_methods = tuple(row.default_methods) or ("POST",)
        own: dict[str, dict[str, Any]] = {
            name: {**_TEXT, "title": name, "x-secret": True} for name in self.required_fields
        }
        more = {name: {**_VALUE, "title": name} for name in row.optional_config_fields}
        plain = {name: Generic.config_fields[name] for name in ("signature_header", "unsigned")}
        self.config_fields = {**more, "secret": SECRET, "previous_secret": PREVIOUS, **plain, **own}
        # What reads bodies where there is no code for it.
        built_in = row.parser.lower() in webhook_types.registry
        self._reader = webhook_types.find(row.parser if built_in else "generic")
        self.accepted_status = _answers_as(row).accepted_status

    @property
    def proves(self) -> bool:
        """Whether its validator has something to tell the sender by."""
        row = self.row
        return bool(row.validation_required and row.validation_code and self.required_fields)

    def problems(self, config: Config) -> dict[str, list[str]]:
        found = WebhookType.problems(self, config)
        if not self.proves or (config.get("unsigned") is True and config.get("secret")):
            found |= super().problems(config)
        if "secret" in found:
            found["secret"] = [_NEEDS]
        return found

    def verify(self, request: Incoming, config: Config, *, now: float) -> None:
        missing = [name for name in self.required_fields if not config.get(name)]
        if missing:
            raise Unverified(f"The trigger has no {', '.join(missing)}.")
        payload_schemas.compiled(self.row.json_schema)  # a broken type accepts nothing
        if config.get("secret") or not self.proves:
            super().verify(request, config, now=now)
        if self.row.validation_required and self.row.validation_code:
            self._validate(request, config)

    def sign(self, body: bytes, config: Config, *, now: float) -> dict[str, str]:
        """Raises Unverified where only the sender knows what the validator asks for."""
        if self.proves:
            raise Unverified("Only the sender can sign: the type's own code checks its requests.")
        return super().sign(body, config, now=now)

    def _validate(self, request: Incoming, config: Config) -> None:
        given = {
            "headers": dict(request.headers),
            "config": json.dumps(dict(config)).decode(),
            "raw": request.body.decode("utf-8", "replace"),
            "body": _body_of(request),
            **_outline(request.method, _pairs(request.query)),
        }
        call = f"{VALIDATE}(body, headers, config)"
        try:
            answer = self._run(self.row.validation_code, call, given)
        except sandbox.CodeFailed as error:
            raise Unverified(f"The validator failed: {error}") from None
        if answer is not True:
            raise Unverified(f"The validator answered {str(answer)[:100]}.")

    def read(
        self, request: Incoming, body: Any, *, seen: dict[str, Any], config: Config
    ) -> dict[str, Any]:
        if not self.row.custom_parser_code:
            return {"parsed": self._reader.parse(request, body)}
        plain = {name: config[name] for name in self.row.optional_config_fields if name in config}
        given = {
            "headers": seen["headers"],
            "config": json.dumps(plain).decode(),
            "body": json.dumps(body).decode(),
            **_outline(request.method, seen["query_params"]),
        }
        try:
            found = self._run(self.row.custom_parser_code, f"{PARSE}(body, headers)", given)
        except sandbox.CodeFailed as error:
            return {"parsed": {}, "parse_error": str(error)}
        if not isinstance(found, dict):
            return {"parsed": {}, "parse_error": f"{PARSE} must answer an object (a dict)."}
        return {"parsed": found}

    def _run(self, code: str, call: str, given: dict[str, Any]) -> Any:
        """Raises Unavailable, sandbox.CodeFailed."""
        try:
            return sandbox.run(
                code, call, given, owner=str(self.row.workspace_id), texts="body config"
            )
        except sandbox.Busy as error:
            raise Unavailable(str(error)) from None
        except sandbox.CannotRun as error:
            raise sandbox.CodeFailed(f"It cannot run: {error}") from None

    def parse(self, request: Incoming, body: Any) -> dict[str, Any]:
        """Of the sample: what reading it gave when the type was stored."""
        return dict(self.row.parsed_sample)

    def misfits(self, request: Incoming, body: Any) -> dict[str, list[str]]:
        return payload_schemas.compiled(self.row.json_schema).faults(body, raw=request.body)

    def refuses_misfits(self) -> bool:
        return self.row.validation_required

    def answer(self, event_id: str) -> dict[str, Any]:
        return _answers_as(self.row).answer(event_id)

    def sample(self) -> tuple[dict[str, str], Any]:
        return {}, self.row.sample_payload


def _answers_as(row: OwnWebhookType) -> WebhookType:
    named = row.response_format.lower()
    return webhook_types.find(named if named in webhook_types.registry else "generic")


def payload_schema(row: OwnWebhookType, open_schema: dict[str, Any]) -> dict[str, Any]:
    """Of the events of a type, for conditions and mappings: `open_schema` with what is known of body and fields."""
    request = open_schema["properties"]["request"]
    body = {**payload_samples.outline_of(row.json_schema), "title": "Body"}
    inner = {**request, "properties": {**request["properties"], "body": body}}
    parsed = {**payload_samples.shape_of(row.parsed_sample), "title": "Read out of it"}
    known = {**open_schema["properties"], "request": inner, "parsed": parsed}
    return {**open_schema, "properties": known}


def find(name: str, *, row: OwnWebhookType | None) -> WebhookType:
    """The type that a trigger names; `row`: the own type that it refers to. Raises UnknownName for what is unclear."""
    if row is None:
        return webhook_types.find(name)
    if row.name != name.lower() or row.name in webhook_types.registry:
        raise UnknownName("the webhook types of this workspace", name, None)
    return OwnType(row)


def kind_of(trigger: Trigger) -> WebhookType:
    """Raises UnknownName."""
    return find(str(trigger.config.get("webhook_type", "")), row=trigger.own_type)


def _pairs(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=10_000)[:1000])


def _outline(method: str, query: dict[str, Any]) -> dict[str, Any]:
    return {"method": method, "query": query}


def _body_of(request: Incoming) -> str:
    """As JSON, for the validator, which comes before the body is judged: null where it is neither JSON nor a form."""
    if request.media_type == webhook_types.FORM:
        return json.dumps(_pairs(request.body.decode("utf-8", "replace"))).decode()
    try:
        json.loads(request.body or b"{}")
    except json.InvalidJSON:
        return "null"
    return request.body.decode() or "{}"
