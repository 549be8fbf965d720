"""Libraries of providers and of MCP take a second or two to import: not in the event loop, which beats for runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from config.up.place import REPOSITORY
from tests.agents.modelserver import model_server

_WATCHED = """
import asyncio, os, sys, threading, uuid
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

LARGE = {"pydantic_ai", "openai", "anthropic", "google", "httpx2", "mcp", "genai_prices"}
seen = set()  # what the loop's own thread imported

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            seen.add(name.partition(".")[0])

sys.meta_path.insert(0, Watch())
"""

MODELS = f"""{_WATCHED}
from agents import llm
from agents.llm.providers import Provider

kind, url, library = sys.argv[1:]
question = llm.Question(uuid.uuid4(), "x:some", "Judge.", [{{"role": "user", "text": "Hello"}}], seconds=30)

async def ask():
    provider = Provider("x", kind, "some", url, "key", True)
    await llm.prepare(provider)
    return await llm.request(question, provider, None)

answer = asyncio.run(ask())
print(sorted(seen & LARGE), library in sys.modules, answer.text)
"""

SERVERS = f"""{_WATCHED}
from contextlib import suppress
from agents.actions import ActionFailed
from agents.mcp import connections, trial
from agents.models import McpServer
from triggers.sources.mcp_event.watcher import McpWatcher
from triggers.watching import SourceFailed

connections.store_failure = lambda *_: None
server = McpServer(name="x", transport="http", url="http://127.0.0.1:9/mcp", timeout_seconds=5)

async def use():
    with suppress(ActionFailed):
        await connections.Connections([server]).session("x")

async def watch():
    with suppress(SourceFailed):
        await McpWatcher({{"server_name": "x", "event_type": "x"}})._listen(None, server)

asyncio.run({{"use": use, "try": lambda: trial._ask(server, 5), "watch": watch}}[sys.argv[1]]())
print(sorted(seen & LARGE), "mcp" in sys.modules)
"""


def _last_line(program: str, *words: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=90,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()[-1]


@pytest.fixture(autouse=True)
def _may_call_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "127.0.0.1")


@pytest.mark.parametrize(
    ("kind", "library"),
    [
        ("openai", "openai"),
        ("openai-compatible", "openai"),
        ("anthropic", "anthropic"),
        ("google", "google.genai"),
    ],
)
def test_no_library_of_a_provider_is_imported_in_the_loop(kind: str, library: str) -> None:
    with model_server() as server:
        url = server.url("/v1" if kind.startswith("openai") else "")
        assert _last_line(MODELS, kind, url, library) == "[] True Fine."


@pytest.mark.parametrize("way", ["use", "try", "watch"])
def test_nor_is_that_of_mcp(way: str) -> None:
    assert _last_line(SERVERS, way) == "[] True"
