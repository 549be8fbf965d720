"""Whoever types a schedule reads at once what it means, and when it fires next, or what is wrong with it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from config.up.trial import Trial


def test_a_schedule_is_explained_while_it_is_typed(system: Trial, owner_page: Page) -> None:
    page = owner_page
    page.goto(f"{system.url}/admin/triggers/trigger/add/")
    page.locator("#id_trigger_type").select_option("cron")
    preview = page.locator(".tf-preview")
    page.get_by_label("Cron expression").fill("30 2 * * MON-FRI")
    expect(preview).to_contain_text("At 02:30 on Monday through Friday")
    expect(preview.locator("li")).to_have_count(5)
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    expect(preview.locator("li").first).to_contain_text("02:30+09:00")
    expect(preview.locator("li").first).to_contain_text("17:30 UTC")
    page.get_by_label("Cron expression").fill("0 0 30 2 *")
    expect(preview).to_contain_text("Invalid cron expression '0 0 30 2 *'")

    page.get_by_label("Cron expression").fill("0 9 * * *")
    page.fill("#id_name", "Every morning")
    page.locator("#id_agent").select_option(index=1)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("was added successfully")
    found = page.request.get(f"{system.url}/api/v1/triggers/type/cron").json()["results"]
    config = next(one["config"] for one in found if one["name"] == "Every morning")
    assert config == {"cron_expression": "0 9 * * *", "timezone": "Asia/Tokyo"}
