"""Libraries of providers take a second or two to import: that is not done in the event loop, which beats for runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.agents.modelserver import model_server

# Prints the large packages that the loop's own thread imported, and what was answered.
PROGRAM = """
import asyncio, os, sys, threading, uuid
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
from agents import llm
from agents.llm.providers import Provider

LARGE = {"pydantic_ai", "openai", "anthropic", "google", "httpx2", "mcp", "genai_prices"}
seen = set()

class Watch:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            seen.add(name.partition(".")[0])

sys.meta_path.insert(0, Watch())
question = llm.Question(uuid.uuid4(), "x:some", "Judge.", [{"role": "user", "text": "Hello"}], seconds=30)
provider = Provider("x", sys.argv[1], "some", sys.argv[2], "key", True)
answer = asyncio.run(llm.request(question, provider, None))
print(sorted(seen & LARGE), sys.argv[1].partition("-")[0] in sys.modules, answer.text)
"""


@pytest.mark.parametrize("kind", ["openai", "openai-compatible", "anthropic", "google"])
def test_no_library_is_imported_in_the_loop(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTBOUND_ALLOW", "127.0.0.1")
    with model_server() as server:
        url = server.url("/v1" if kind.startswith("openai") else "")
        found = subprocess.run(
            [sys.executable, "-c", PROGRAM, kind, url], capture_output=True, text=True, check=True
        )
    assert found.stdout.splitlines()[-1] == "[] True Fine."
