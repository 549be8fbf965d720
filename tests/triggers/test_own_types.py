"""Requests of a type that a workspace uploaded: who is let in, what is read, and that what is unclear is refused."""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from typing import Any

import pytest

from config.lib import json
from config.lib.ids import uuid7
from config.lib.registry import UnknownName
from tests.triggers.types import BODY, KEY, PARSE, SCHEMA, VALIDATE, upload
from triggers import intake, own_types, sandbox
from triggers.intake import Accepted, Refused
from triggers.models import OwnWebhookType
from triggers.webhook_types import Incoming

SECRET = "a secret of some length"
RAW = json.dumps(BODY)


def made(**change: Any) -> OwnWebhookType:
    """A row as `uploading` leaves it, or as somebody broke it."""
    fields = upload(validation_required=True, response_format="json", default_methods=["POST"])
    fields["name"] = fields.pop("webhook_type")
    return OwnWebhookType(workspace_id=uuid7(), **{**fields, **change})


def ask(
    row: OwnWebhookType | None, body: bytes = RAW, *, config: Any = None, **headers: str
) -> Accepted:
    config = {"api_key": KEY} if config is None else config
    given = {"webhook_type": "shop", "webhook_config": config}
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Incoming("POST", {"content-type": "application/json", **lower}, body, query="page=2")
    found = intake.judge(request, given, now=0.0, find=partial(own_types.find, row=row))
    assert isinstance(found, Accepted)
    return found


def refusal(row: OwnWebhookType | None, body: bytes = RAW, **more: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        ask(row, body, **more)
    return refused.value


def sign(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def test_who_holds_the_key_is_let_in_and_read() -> None:
    found = ask(made(), x_api_key=KEY, idempotency_key="17")
    assert found.payload["parsed"] == {"order_id": 17, "kind": "PAID"}
    assert found.payload["schema_valid"] is True
    assert (found.payload["service"], found.delivery_id, found.verified) == ("shop", "17", True)
    assert KEY not in str(found.payload)


@pytest.mark.parametrize("headers", [{}, {"x_api_key": "wrong"}, {"x_api_key": ""}])
def test_others_are_not(headers: dict[str, str]) -> None:
    assert refusal(made(), RAW, **headers).status == 401


UNCLEAR: dict[str, dict[str, Any]] = {
    "answers 1": {"validation_code": "def validate(body, headers, config): return 1"},
    "answers a text": {"validation_code": "def validate(body, headers, config): return 'true'"},
    "answers an object": {"validation_code": "def validate(body, headers, config): return {'is_valid': True}"},
    "answers nothing": {"validation_code": "def validate(body, headers, config): pass"},
    "answers a promise": {"validation_code": "async def validate(body, headers, config): return True"},
    "raises": {"validation_code": "def validate(body, headers, config): raise ValueError('no')"},
    "ends": {"validation_code": "def validate(body, headers, config): raise SystemExit"},
    "loops": {"validation_code": "def validate(body, headers, config):\n while True: pass"},
    "eats memory": {"validation_code": "def validate(body, headers, config): return [0] * 10**9"},
    "takes other arguments": {"validation_code": "def validate(request): return True"},
    "has another name": {"validation_code": "def check(body, headers, config): return True"},
    "is no code": {"validation_code": "def validate(:"},
    "is gone": {"validation_code": ""},
    "is not asked": {"validation_required": False},
    "is not asked for a key": {"required_config_fields": []},
    "wants another key": {"required_config_fields": ["api_key", "shop_id"]},
    "schema is none": {"json_schema": {"type": "strin"}},
    "schema leads away": {"json_schema": {"$ref": "http://127.0.0.1:1/"}},
    "schema is no object": {"json_schema": "x"},
    "fields are none": {"required_config_fields": None},
    "name is another": {"name": "else"},
    "name is built in": {"name": "generic"},
}  # fmt: skip


@pytest.mark.parametrize("change", UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_unclear_is_refused(change: dict[str, Any]) -> None:
    """A type that is broken or changed lets nobody in, whatever the request brings."""
    refused = refusal(made(**change), x_api_key=KEY)
    assert (refused.status, refused.code) == (401, "unverified")
    assert refused.message == "The signature of this request could not be verified."
    assert KEY not in refused.detail


def test_a_type_that_is_gone_is_refused() -> None:
    assert refusal(None, x_api_key=KEY).status == 401
    with pytest.raises(UnknownName):
        own_types.find("shop", row=None)


def test_no_sandbox_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise sandbox.CannotRun("away")

    monkeypatch.setattr(sandbox, "run", broken)
    assert refusal(made(), x_api_key=KEY).status == 401
    unproved = made(validation_code="", validation_required=False)
    found = ask(unproved, config={"unsigned": True, "api_key": KEY})
    assert found.payload["parse_error"] == "It cannot run: away"


def test_a_busy_sandbox_asks_the_sender_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> Any:
        raise sandbox.Busy("full")

    monkeypatch.setattr(sandbox, "run", busy)
    unproved = made(validation_code="", validation_required=False)
    for row, config in ((made(), None), (unproved, {"unsigned": True, "api_key": KEY})):
        refused = refusal(row, config=config, x_api_key=KEY)
        assert (refused.status, refused.headers) == (503, {"Retry-After": "5"})


@pytest.mark.parametrize("validates", [True, False])
def test_a_secret_of_the_trigger_is_asked_for_too(validates: bool) -> None:
    row = made() if validates else made(validation_code="", validation_required=False)
    config = {"api_key": KEY, "secret": SECRET}
    assert refusal(row, config=config, x_api_key=KEY).status == 401
    found = ask(row, config=config, x_api_key=KEY, x_webhook_signature=sign(RAW))
    assert found.verified is True
    if validates:
        assert refusal(row, config=config, x_webhook_signature=sign(RAW)).status == 401


def test_unsigned_is_said_in_so_many_words() -> None:
    row = made(validation_code="", validation_required=False, required_config_fields=[])
    assert refusal(row, config={}).status == 401
    found = ask(row, config={"unsigned": True}, idempotency_key="17")
    assert (found.verified, found.delivery_id) == (False, "")


@pytest.mark.parametrize(
    "config, fields",
    [
        ({"api_key": KEY}, []),
        ({}, ["api_key"]),
        ({"api_key": ""}, ["api_key"]),
        ({"api_key": KEY, "secret": SECRET}, []),
        ({"api_key": KEY, "unsigned": True}, []),
        ({"api_key": KEY, "unsigned": True, "secret": SECRET}, ["unsigned"]),
    ],
)
def test_a_trigger_needs_what_the_validator_checks_with(config: Any, fields: list[str]) -> None:
    assert list(own_types.OwnType(made()).problems(config)) == fields


@pytest.mark.parametrize(
    "config, fields",
    [
        ({}, ["secret"]),
        ({"secret": SECRET}, []),
        ({"unsigned": True}, []),
        ({"unsigned": True, "secret": SECRET}, ["unsigned"]),
    ],
)
def test_a_trigger_of_a_type_that_proves_nothing_needs_a_secret(
    config: Any, fields: list[str]
) -> None:
    row = made(required_config_fields=[])
    assert list(own_types.OwnType(row).problems(config)) == fields


@pytest.mark.parametrize(
    "code, said",
    [
        ("def parse(body, headers): return body['nothing']", "KeyError"),
        ("def parse(body, headers): return [1]", "must answer an object"),
        ("def parse(body, headers): return None", "must answer an object"),
        ("def parse(body, headers):\n while True: pass", "longer than 0.5 seconds"),
        ("def parse(body, headers): return 'x' * 10**9", "32 MB"),
        ("def parse(body, headers): return {'x': 'y' * 300_000}", "262144 bytes"),
        ("def parse(body, headers): return {'raw': raw}", "NameError"),
        ("broken(", "SyntaxError"),
    ],
)
def test_a_parser_that_fails_is_told_in_the_payload(code: str, said: str) -> None:
    payload = ask(made(custom_parser_code=code), x_api_key=KEY).payload
    assert payload["parsed"] == {}
    assert said in payload["parse_error"]


def test_a_parser_sees_no_secrets() -> None:
    everything = """
def parse(body, headers):
    return {"headers": headers, "config": config, "method": method, "query": query}
"""
    config = {"api_key": KEY, "filter_events": ["paid"]}
    row = made(custom_parser_code=everything)
    seen = ask(row, config=config, x_api_key=KEY, authorization="Bearer x").payload["parsed"]
    assert KEY not in str(seen)
    assert seen["config"] == {"filter_events": ["paid"]}
    assert (seen["method"], seen["query"]) == ("POST", {"page": "2"})
    assert seen["headers"]["authorization"] == "[redacted]"


def test_a_validator_sees_the_request_as_it_came() -> None:
    code = """
def validate(body, headers, config):
    signed = f"{query['page']}.{method}.{raw}"
    return same(hmac_sha256(config["api_key"], signed), headers["x-shop-signature"]) and body["event_type"] == "paid"
"""
    signed = hmac.new(KEY.encode(), b"2.POST." + RAW, hashlib.sha256).hexdigest()
    assert ask(made(validation_code=code), x_shop_signature=signed).verified
    assert refusal(made(validation_code=code), x_shop_signature=signed[::-1]).status == 401


def test_a_body_that_does_not_fit_is_refused_where_validation_is_required() -> None:
    refused = refusal(made(), b'{"event_type": "paid"}', x_api_key=KEY)
    assert (refused.status, refused.code) == (400, "schema_mismatch")
    assert refused.fields == {"body": ['"data" is a required property']}
    row = made(validation_code="", validation_required=False, custom_parser_code="")
    payload = ask(row, b'{"data": 1}', config={"unsigned": True, "api_key": KEY}).payload
    assert (payload["schema_valid"], payload["parsed"]) == (False, {"data": 1})
    assert payload["schema_error"] == 'body: "event_type" is a required property'


def test_a_body_too_large_for_its_schema_is_refused() -> None:
    heavy = {"items": {"allOf": [{"type": "integer", "minimum": -5} for _ in range(300)]}}
    row = made(json_schema=heavy)
    assert refusal(row, b"[" + b"1," * 50_000 + b"1]", x_api_key=KEY).status == 413


def test_a_built_in_parser_reads_what_has_no_code() -> None:
    row = made(custom_parser_code="", parser="Telegram", json_schema={})
    body = b'{"update_id": 1, "message": {"text": "Hi", "chat": {"id": 5}}}'
    assert ask(row, body, x_api_key=KEY).payload["parsed"]["chat_id"] == 5


@pytest.mark.parametrize(
    "response_format, status, answer",
    [("json", 202, {"status": "accepted", "event_id": "e"}), ("telegram", 200, {"ok": True, "event_id": "e"})],
)  # fmt: skip
def test_answers_have_the_form_of_the_type(response_format: str, status: int, answer: Any) -> None:
    kind = own_types.OwnType(made(response_format=response_format))
    assert (kind.accepted_status, kind.answer("e")) == (status, answer)


def test_conditions_know_the_fields() -> None:
    row = made(parsed_sample={"order_id": 17, "kind": "PAID"})
    known = own_types.payload_schema(row, {"properties": {"request": {"properties": {}}}})
    inner = known["properties"]
    assert inner["parsed"]["properties"]["order_id"] == {"type": "integer"}
    body = inner["request"]["properties"]["body"]["properties"]
    assert body == {name: SCHEMA["properties"][name] for name in ("event_type", "data")}  # type: ignore[index]


def test_the_codes_of_these_tests_are_right() -> None:
    sandbox.check(PARSE, "parse", owner="acme")
    sandbox.check(VALIDATE, "validate", owner="acme")
