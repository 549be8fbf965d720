from __future__ import annotations

import pytest

from config.lib import json
from tests.triggers.webhook_types import asking
from triggers import intake, webhook_types
from triggers.intake import Accepted, Refused

CONFIG = {"secret": "secret_token-17", "bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"}


def test_scheme() -> None:
    asking.check_scheme("telegram", CONFIG, "another_secret")
    asking.check_hostile_bodies("telegram")


@pytest.mark.parametrize(
    "message, text, has_document",
    [
        ({"text": "Hello"}, "Hello", False),
        ({"document": {"file_id": "x"}, "caption": "Read this"}, "Read this", True),
        ({"photo": [{"file_id": "x"}]}, None, False),
    ],
    ids=["text", "document", "photo"],
)
def test_what_is_read(message: dict[str, object], text: str | None, has_document: bool) -> None:
    body = {"update_id": 5, "message": {"chat": {"id": 1}, "from": {"id": 2}, **message}}
    found = asking.parsed("telegram", body)
    assert (found["chat_id"], found["user_id"], found["text"]) == (1, 2, text)
    assert found["has_document"] is has_document
    assert webhook_types.find("telegram").delivery_id(asking.request(body, {}), body) == "5"


@pytest.mark.parametrize(
    "message, found",
    [
        ({"text": "Hello"}, ("", None, None)),
        ({"document": {"file_id": "d", "file_name": "offer.pdf"}}, ("document", "d", "offer.pdf")),
        ({"photo": [{"file_id": "small"}, {"file_id": "large"}]}, ("photo", "large", None)),
        ({"photo": []}, ("photo", None, None)),
        ({"voice": {"file_id": "v"}}, ("voice", "v", None)),
        ({"document": "?"}, ("document", None, None)),
    ],
)
def test_the_file_of_a_message(message: dict[str, object], found: tuple[object, ...]) -> None:
    said = asking.parsed("telegram", {"update_id": 5, "message": {"chat": {"id": 1}, **message}})
    assert (said["file_kind"], said["file_id"], said["file_name"]) == found


def test_a_pressed_button() -> None:
    body = {
        "update_id": 6,
        "callback_query": {"data": "yes", "from": {"id": 2}, "message": {"chat": {"id": 1}}},
    }
    found = asking.parsed("telegram", body)
    assert (found["kind"], found["data"], found["chat_id"], found["user_id"]) == (
        "callback_query",
        "yes",
        1,
        2,
    )


@pytest.mark.parametrize(
    "allowed, status", [(["callback_query"], 200), (["message", "callback_query"], 202), ([], 202)]
)
def test_only_wanted_kinds_start_something(allowed: list[str], status: int) -> None:
    found = webhook_types.find("telegram")
    body = json.dumps({"update_id": 7, "message": {"text": "Hello"}})
    asked = asking.request(
        body, {**found.sign(body, CONFIG, now=asking.NOW), "Content-Type": "application/json"}
    )
    config = {"webhook_type": "telegram", "webhook_config": {**CONFIG, "allowed_updates": allowed}}
    if status == 202:
        assert isinstance(intake.judge(asked, config, now=asking.NOW), Accepted)
        return
    with pytest.raises(Refused) as refused:
        intake.judge(asked, config, now=asking.NOW)
    assert (refused.value.status, refused.value.code) == (200, "not_wanted")
    assert "callback_query" in refused.value.message
