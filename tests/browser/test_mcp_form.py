"""In a browser: an MCP server is added, its connection tested, and one of its tools allowed to an agent."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page, expect

from config.up.trial import Trial
from tests.agents.mcps import PROGRAM


def shot(page: Page, name: str) -> None:
    """For whoever wants to see it: SHOTS names a folder."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_server_s_tool_is_allowed_to_an_agent(owner_page: Page, system: Trial) -> None:
    page = owner_page
    page.goto(f"{system.url}/admin/agents/mcpserver/add/")
    page.fill("input[name=name]", "tests")
    page.select_option("select[name=transport]", "stdio")
    page.fill("input[name=command]", PROGRAM[0])
    page.fill("textarea[name=args]", "\n".join([*PROGRAM[1:], "stdio"]))
    page.get_by_role("button", name="Add a variable").click()
    page.get_by_label("Name").last.fill("SECRET_TOKEN")
    page.get_by_label("Value").last.fill("tok-canary-1")
    page.click("[name=_continue]")
    page.wait_for_url("**/change/**")
    expect(page.get_by_text("Nobody has asked it yet")).to_be_visible()
    assert "canary" not in page.content()

    page.get_by_role("link", name="Test connection").click()
    expect(page.get_by_text("It works, after")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("· only reads")).to_be_visible()
    shot(page, "mcp_server")

    page.goto(f"{system.url}/admin/agents/agent/add/")
    page.fill("input[name=name]", "Finder")
    page.fill("input[name=model]", "offline:rules")
    page.get_by_role("button", name="Add a tool").click()
    page.get_by_label("Tool 1", exact=True).locator("select").first.select_option(
        "mcp:tests/search"
    )
    tool = page.locator("section[aria-label='Tool 1']")
    expect(tool.get_by_label("A person approves each use")).to_be_checked()
    tool.get_by_label("A person approves each use").uncheck()
    tool.get_by_label("The model may choose: Index").uncheck()
    shot(page, "mcp_tool")
    page.click("[name=_continue]")
    page.wait_for_url("**/change/**", timeout=20_000)
    expect(page.locator("section[aria-label='Tool 1'] select").first).to_have_value(
        "mcp:tests/search"
    )
    tools = page.locator("input[name=tools]").input_value()
    assert '"free":["text"]' in tools.replace(" ", "")
    assert '"needs_approval":false' in tools.replace(" ", "")
    shot(page, "mcp_saved")
