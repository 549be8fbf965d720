"""A newcomer without a key: a sentence, a draft to look at, a click, and the trigger is there."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from config.up.trial import Trial


def test_a_sentence_becomes_a_trigger(system: Trial, owner_page: Page) -> None:
    page = owner_page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{system.url}/admin/triggers/trigger/")
    page.get_by_role("link", name="Describe it").click()
    page.get_by_role("link", name="When a deal above 10,000 is won").click()
    expect(page.get_by_label("Model")).to_have_value("offline:rules")
    page.get_by_label("What shall happen").fill(
        "When a contact is created, write a note, then e-mail sales"
    )
    page.get_by_role("button", name="Draft it").click()

    expect(page.get_by_role("heading", name="A draft, not saved yet")).to_be_visible()
    expect(page.locator("#content-main")).to_contain_text("Your sentence does not say")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.locator("#content-main")).to_contain_text("Fill this in first.")
    page.get_by_label("To", exact=True).fill("sales@acme.example")
    page.get_by_label("Name of the trigger").fill("Described")
    page.get_by_label("Name of the agent").fill("Described")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#content-main")).not_to_contain_text("Your sentence does not say")
    page.get_by_role("button", name="Save as draft").click()

    expect(page).to_have_url(re.compile(r"/admin/triggers/trigger/[0-9a-f-]{36}/change/"))
    expect(page.locator("body")).to_contain_text("Described is a draft and Described is off")
    answer = page.request.get(f"{system.url}/api/v1/triggers?search=Described").json()
    (found,) = answer["results"]
    assert (found["status"], found["config"]) == ("paused", {"event_type": "contact_created"})


def test_the_page_works_without_scripts(system: Trial, owner_page: Page) -> None:
    state = owner_page.context.storage_state()
    browser = owner_page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False, storage_state=state)
    page = context.new_page()
    page.goto(f"{system.url}/admin/triggers/trigger/describe/")
    page.get_by_label("What shall happen").fill("Every weekday at 9, notify the team")
    page.get_by_role("button", name="Draft it").click()
    expect(page.locator("#content-main")).to_contain_text("It would fire next at")
    page.get_by_label("Name of the trigger").fill("Without scripts")
    page.get_by_label("Name of the agent").fill("Without scripts")
    page.get_by_role("button", name="Save and switch on").click()
    expect(page.locator("body")).to_contain_text("Without scripts is live")
    context.close()
