"""The Telegram bot of docs/webhooks.md, word for word: a file comes, a model says yes, a task goes out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from rest_framework.test import APIClient

from executions.models import Execution, Reason, Status
from tests.agents.models import MakeProvider
from tests.agents.modelserver import ModelServer, Say
from tests.webhooks import Client
from triggers.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "choose-one_17"
ORDER = "List the prices in the file."
Send = Callable[..., Any]


def recipe() -> list[Any]:
    """The agent, the trigger and the update, as the page shows them."""
    section = PAGE.read_text().partition("## A bot that has files read")[2]
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]


def think(body: dict[str, Any]) -> Say:
    """A model that judges by the caption and takes the order from it."""
    wanted = body["tools"][0]["function"]["parameters"]["properties"]
    data = str(body["messages"][-1]["content"])
    if "match" in wanted:
        verdict = {"reason": "It asks for prices.", "evidence": "prices", "confidence": 0.9}
        return Say(calls=[("answer", {"match": "prices" in data, **verdict})])
    return Say(calls=[("answer", {"instruction": ORDER})])


@pytest.fixture
def outside(httpserver: HTTPServer, brain: ModelServer, settings: Any) -> HTTPServer:
    """Telegram's side, and the program that reads files."""
    settings.OUTBOUND_ALLOW = [brain.host, f"{httpserver.host}:{httpserver.port}"]
    httpserver.expect_request(f"/bot{TOKEN}/getFile").respond_with_json(
        {"ok": True, "result": {"file_id": "BQACAgIAAxkBAAIB", "file_path": "documents/file_7.pdf"}}
    )
    httpserver.expect_request("/tasks", method="POST").respond_with_json({"id": 1}, status=201)
    return httpserver


@pytest.fixture
def send(
    api: APIClient, outside: HTTPServer, brain: ModelServer, make_provider: MakeProvider
) -> Send:
    """`send(update)` is Telegram's request to the bot's address; agent and trigger were made over REST."""
    make_provider()
    brain.think = think
    agent, trigger, _ = recipe()
    here = outside.url_for("").rstrip("/")
    text = json.dumps({**agent, "model": "local:small"})
    text = re.sub(r"https://(api\.telegram\.org|analysis\.example)", here, text)
    made: Any = api.post("/api/v1/agents", json.loads(text))
    assert made.status_code == 201, made.content
    assert TOKEN not in made.content.decode()
    assert api.post(f"/api/v1/agents/{made.json()['id']}/activate").status_code == 200
    stored: Any = api.post("/api/v1/triggers", {**trigger, "agent_id": made.json()["id"]})
    assert stored.status_code == 201, stored.content
    assert stored.json()["warnings"] == []
    url = stored.json()["webhook_url"]

    def post(update: Any, *, secret: str = SECRET) -> Any:
        return Client().post(
            url[url.index("/webhooks/") :],
            json.dumps(update),
            content_type="application/json",
            headers={"X-Telegram-Bot-Api-Secret-Token": secret},
        )

    return post


def update(**message: Any) -> dict[str, Any]:
    whole: dict[str, Any] = recipe()[2]
    whole["message"] |= message
    return {**whole, "message": {name: it for name, it in whole["message"].items() if it}}


def asked_outside(outside: HTTPServer) -> list[str]:
    return [request.path.rpartition("/")[2] for request, _ in outside.log]


def test_a_file_becomes_a_task(
    send: Send,
    api: APIClient,
    outside: HTTPServer,
    brain: ModelServer,
    run_everything_due: Callable[[], None],
) -> None:
    answer = send(update())
    assert answer.status_code == 200, answer.content
    assert answer.json() == {"ok": True, "event_id": str(Event.objects.get().pk)}
    run_everything_due()

    run = Execution.objects.get()
    assert (run.status, run.error_message) == (Status.COMPLETED, "")
    assert run.inputs["instruction"] == ORDER
    (task,) = [request.get_json() for request, _ in outside.log if request.path == "/tasks"]
    assert task == {
        "task_type": "file_analysis",
        "chat_id": 1111111,
        "file_url": outside.url_for(f"/file/bot{TOKEN}/documents/file_7.pdf"),
        "user_message": "Please list the prices in this.",
        "instruction": ORDER,
    }
    assert len(brain.asked) == 2, "one verdict, one extraction"
    assert TOKEN not in str(brain.asked)
    assert "1111111" not in str(brain.asked), "only the chosen fields"

    told: Any = api.get(f"/api/v1/executions/{run.pk}")
    steps = [(step["number"], step["kind"], step["state"]) for step in told.json()["steps"]]
    assert steps == [
        (0, "extract", "done"),
        (1, "http_request", "done"),
        (2, "http_request", "done"),
    ]
    assert TOKEN not in told.content.decode()

    again = send(update())
    assert (again.status_code, again.json()) == (200, answer.json())
    run_everything_due()
    assert Execution.objects.count() == 1, "an update that Telegram repeats counts once"


def test_a_message_without_a_file_asks_nobody(
    send: Send, outside: HTTPServer, brain: ModelServer, run_everything_due: Callable[[], None]
) -> None:
    assert (
        send(update(document=None, caption=None, text="What are your prices?")).status_code == 200
    )
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.reason) == (Status.SKIPPED, Reason.CONDITION_FALSE)
    assert not brain.asked
    assert not outside.log


def test_a_file_that_nobody_wants_read_starts_nothing(
    send: Send, outside: HTTPServer, brain: ModelServer, run_everything_due: Callable[[], None]
) -> None:
    assert send(update(caption="Happy birthday!")).status_code == 200
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.reason) == (Status.SKIPPED, Reason.CONDITION_FALSE)
    assert len(brain.asked) == 1, "nothing is extracted where nothing runs"
    assert not outside.log


def test_a_photo_without_words_leaves_the_order_open(
    send: Send, outside: HTTPServer, brain: ModelServer, run_everything_due: Callable[[], None]
) -> None:
    def see(body: dict[str, Any]) -> Say:
        said = think(body).calls[0][1]
        return Say(
            calls=[
                ("answer", {**said, "match": True} if "match" in said else {"instruction": None})
            ]
        )

    brain.think = see
    photo = [{"file_id": "small"}, {"file_id": "large"}]
    assert send(update(document=None, caption=None, photo=photo)).status_code == 200
    run_everything_due()
    run = Execution.objects.get()
    assert (run.status, run.error_message) == (Status.COMPLETED, "")
    assert asked_outside(outside) == ["getFile", "tasks"]
    assert outside.log[0][0].args["file_id"] == "large"
    task: Any = outside.log[1][0].get_json()
    assert (task["instruction"], task["user_message"]) == (None, None)


def test_who_is_not_telegram_starts_nothing(send: Send, brain: ModelServer) -> None:
    assert send(update(), secret="another").status_code == 401
    assert not Event.objects.exists()
    assert not brain.asked
