"""Trying a server: whoever waits for it waits no longer than was said, however many pages it offers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from agents.mcp import trial
from tests.agents.mcps import MakeServer, journal

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"error": {"code": -32601, "message": "unknown"}}
    if asked["method"] == "initialize":
        version = asked["params"]["protocolVersion"]
        info = {"name": "pages", "version": "1"}
        answer = {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    if asked["method"] == "tools/list":
        with open(os.environ["JOURNAL"], "a") as file:
            file.write("page\\n")
        time.sleep(float(sys.argv[1]))
        last = len(open(os.environ["JOURNAL"]).readlines())
        tool = {"name": f"tool_{last}", "inputSchema": {"type": "object"}}
        answer = {"result": {"tools": [tool], **({"nextCursor": "more"} if last < 15 else {})}}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


@pytest.mark.parametrize("pause, is_well", [("0", True), ("0.5", False)])
def test_all_pages_together_have_the_time_of_one_answer(
    make_server: MakeServer, settings: Any, tmp_path: Path, pause: str, is_well: bool
) -> None:
    script = tmp_path / "pages.py"
    script.write_text(PAGES)
    settings.MCP_COMMANDS = [sys.executable]
    server = make_server(timeout_seconds=5)
    server.args = [str(script), pause]
    found = trial.tried(server)
    assert found.is_well is is_well, found.message
    if is_well:
        assert len(found.tools) == 15
    else:
        assert found.message == "tests did not answer within 5 s."
        assert 0 < len(journal(tmp_path)) < 15
