"""A webhook in the admin: its sender's own fields, its address on request, a test that goes the sender's way."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from config.up.trial import Trial


def test_a_webhook_is_set_up_and_tried(owner_page: Page, system: Trial) -> None:
    page = owner_page
    page.goto(f"{system.url}/admin/triggers/trigger/add/")
    page.fill("#id_name", "Issues")
    page.select_option("#id_trigger_type", "webhook")
    expect(page.get_by_text("Have your program POST JSON")).to_be_visible()
    page.get_by_label("Accept unsigned requests").check()
    expect(page.locator(".tf-danger-on")).to_be_visible()
    page.get_by_label("Sender", exact=True).select_option("github")
    expect(page.get_by_text("In the repository, Settings, Webhooks")).to_be_visible()
    expect(page.get_by_label("Accept unsigned requests")).to_have_count(0)
    page.get_by_label("Signing secret").fill("a secret of some length")
    page.evaluate(
        "() => { const agent = document.getElementById('id_agent'); agent.selectedIndex = 1; "
        "agent.dispatchEvent(new Event('change', {bubbles: true})); }"
    )
    page.get_by_role("button", name="Save and continue editing").click()
    address = page.locator("#webhook-address")
    expect(address).to_contain_text("/webhooks/…")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(address).to_contain_text("/webhooks/wh_")
    page.get_by_role("link", name="Send test").click()
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("The answer was 202")).to_be_visible()
    page.goto(f"{system.url}/admin/triggers/webhookrejection/")
    expect(page.get_by_role("link", name="Issues")).to_be_visible()
