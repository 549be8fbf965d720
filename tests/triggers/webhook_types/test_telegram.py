from __future__ import annotations

import pytest

from tests.triggers.webhook_types import asking
from triggers import webhook_types

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
