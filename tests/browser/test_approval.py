"""A person decides about a step by a click, and sees what comes of it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from config.up.trial import Trial

NOW_AT_ONCE = 20_000
OFFER = {"action": "notify", "params": {"message": "Offer 5 percent"}, "needs_approval": True}
PAUSE = {"action": "wait", "params": {"seconds": 3}}
THANKS = {"action": "notify", "params": {"message": "It was said: @steps.1.output.message"}}


def post(page: Page, system: Trial, path: str, body: dict[str, Any]) -> dict[str, Any]:
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "csrftoken")
    answer = page.request.post(
        f"{system.url}/api/v1/{path}",
        data=body,
        headers={"X-CSRFToken": token, "Referer": system.url},
    )
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def waiting_run(page: Page, system: Trial, name: str) -> None:
    """Opens the page of a run that then comes to a step which needs a person."""
    agent = post(page, system, "agents", {"name": name, "steps": [OFFER, PAUSE, THANKS]})
    post(page, system, f"agents/{agent['id']}/activate", {})
    run = post(page, system, f"agents/{agent['id']}/run", {"inputs": {}})
    page.goto(f"{system.url}/executions/{run['execution_id']}/")
    title = page.get_by_role("heading", name="Notify: shall this happen?")
    expect(title).to_be_visible(timeout=NOW_AT_ONCE)
    expect(page.get_by_label("message")).to_have_value("Offer 5 percent")


def test_it_happens_as_the_person_changed_it_and_the_run_ends_before_their_eyes(
    system: Trial, owner_page: Page
) -> None:
    waiting_run(owner_page, system, "Makes offers")
    owner_page.get_by_label("message").fill("Offer 3 percent")
    owner_page.get_by_role("button", name="Approve").click()
    main = owner_page.locator("main")
    expect(main).to_contain_text("Approved by")
    owner_page.evaluate("window.notReloaded = true")
    ended = owner_page.get_by_role("heading", name="How did it end?")
    expect(ended).to_be_visible(timeout=NOW_AT_ONCE)
    expect(main).to_contain_text("with changes")
    expect(main).to_contain_text("Offer 3 percent")
    expect(main).not_to_contain_text("shall this happen?")
    assert owner_page.evaluate("window.notReloaded")


def test_it_does_not_happen_where_the_person_says_no(system: Trial, owner_page: Page) -> None:
    waiting_run(owner_page, system, "Makes bad offers")
    owner_page.get_by_label("Comment, if you reject it").fill("Too much.")
    owner_page.get_by_role("button", name="Reject").click()
    main = owner_page.locator("main")
    expect(main).to_contain_text("Cancelled", timeout=NOW_AT_ONCE)
    expect(main).to_contain_text("rejected this: Too much.")
    expect(main).not_to_contain_text("It was said")
