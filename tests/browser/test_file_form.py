"""A trigger on files is made in the admin, and a file runs its agent."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from config.up.trial import Trial


def test_a_folder_is_watched(system: Trial, owner_page: Page, files: Path) -> None:
    page = owner_page
    page.goto(f"{system.url}/admin/triggers/trigger/add/")
    page.locator("#id_trigger_type").select_option("file_watch")
    page.fill("#id_name", "New orders")
    page.locator("#id_agent").select_option(index=1)
    page.get_by_label("Path", exact=True).fill("/etc/*.csv")
    page.get_by_label("modified", exact=True).uncheck()
    page.get_by_label("Quiet for seconds").fill("0")
    page.get_by_label("Ignore", exact=True).fill("*.tmp\n.git")
    page.get_by_role("button", name="Add a row").click()
    page.wait_for_selector("datalist option[value=relative_path]", state="attached")
    page.get_by_role("button", name="Remove row 1").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("is outside of what may be watched here")

    page.get_by_label("Path", exact=True).fill(f"{files}/*.csv")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("was added successfully")
    found = page.request.get(f"{system.url}/api/v1/triggers/type/file_watch").json()["results"]
    assert found[0]["config"] == {
        "path": f"{files}/*.csv",
        "events": ["created", "deleted", "moved"],
        "debounce_seconds": 0,
        "ignore_patterns": ["*.tmp", ".git"],
    }
    status = f"{system.url}/api/v1/triggers/{found[0]['id']}/status"
    page.wait_for_function(
        "async (url) => (await (await fetch(url)).json()).source.works", arg=status
    )
    (files / "one.csv").write_text("a")
    page.wait_for_function(
        "async (url) => (await (await fetch(url)).json()).source.received === 1", arg=status
    )
