"""The story of the README: somebody fills in the form, and those who watch see the agent run."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from config.up.trial import Trial


def fill_in(context: BrowserContext, system: Trial, owner_page: Page, *, name: str) -> None:
    """Sends the demo's public form in a page of its own."""
    address = owner_page.request.get(f"{system.url}/api/v1/forms").json()["results"][0]["public_id"]
    form = context.new_page()
    form.goto(f"{system.url}/forms/{address}/")
    form.fill("[name=name]", name)
    form.fill("[name=email]", f"{name.partition(' ')[0].lower()}@example.org")
    form.get_by_role("button", name="Send").click()
    expect(form.locator("body")).to_contain_text("Thank")
    form.close()


def test_the_run_appears_on_the_dashboard_without_a_reload(
    system: Trial, context: BrowserContext, owner_page: Page
) -> None:
    owner_page.evaluate("window.notReloaded = true")
    fill_in(context, system, owner_page, name="Zoe van Dam")
    main = owner_page.locator("main")
    expect(main.get_by_text("Zoe van Dam").first).to_be_visible(timeout=15_000)
    expect(main.get_by_text("Completed").nth(1)).to_be_visible(timeout=15_000)
    assert owner_page.evaluate("window.notReloaded")


def test_the_run_appears_in_the_admin_without_a_reload(
    system: Trial, context: BrowserContext, owner_page: Page
) -> None:
    owner_page.goto(f"{system.url}/admin/executions/execution/")
    before = owner_page.locator("#result_list tbody tr").count()
    owner_page.evaluate("window.notReloaded = true")
    fill_in(context, system, owner_page, name="Yara Admin")
    rows = owner_page.locator("#result_list tbody tr")
    # Three at least: what other tests have made may listen too.
    expect(rows.nth(before + 2)).to_be_visible(timeout=15_000)
    assert owner_page.evaluate("window.notReloaded")


def test_the_execution_page_says_why_and_what(
    system: Trial, context: BrowserContext, owner_page: Page
) -> None:
    fill_in(context, system, owner_page, name="Xan Page")
    contact = owner_page.locator("main").get_by_text("Xan Page").first
    expect(contact).to_be_visible(timeout=15_000)
    owner_page.get_by_role("link", name="Follow up form leads").first.click()
    expect(owner_page.get_by_role("heading", name="Why did it run?")).to_be_visible()
    expect(owner_page.locator("main")).to_contain_text("Create task")
    expect(owner_page.locator("main")).to_contain_text("Completed", timeout=15_000)
