"""An owner writes a condition in plain words in the admin, with fields and examples, and sees what the model said."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from config.up.trial import Trial
from tests.browser.test_admin_builders import build_agent, save, stored

WORDS = "The message asks for prices <img src=x onerror=alert(1)>"


def open_form(page: Page, system: Trial, *, name: str, agent: str) -> Locator:
    build_agent(page, system, name=agent)
    page.goto(f"{system.url}/admin/triggers/trigger/add/")
    page.fill("#id_name", name)
    page.locator("#id_agent").select_option(label=agent)
    page.get_by_label("Event", exact=True).select_option("form_submitted")
    page.get_by_role("button", name="Add a condition in words").click()
    return page.locator(".tf-question")


def test_a_condition_in_words_is_built_tried_and_shown(system: Trial, owner_page: Page) -> None:
    page = owner_page
    question = open_form(page, system, name="Prices", agent="Reader")
    question.get_by_label("What must be true, in words").fill("it is good")
    question.get_by_label("Model that judges").fill("offline:rules")
    question.get_by_role("button", name="Add a field").click()
    question.get_by_label("Field 1 that the model sees").fill("form.fields.message")
    for number, (text, answer) in enumerate((("Your prices please", "yes"), ("A cake", "no")), 1):
        question.get_by_role("button", name="Add an example").click()
        question.get_by_label(f"Input of example {number}").fill(text)
        question.get_by_label(f"Expected answer of example {number}").select_option(answer)
    save(page)

    mistake = page.locator(".tf-question-words .tf-problem")
    expect(mistake).to_contain_text("says too little")
    question.get_by_label("What must be true, in words").fill(WORDS)
    question.get_by_label("Expected answer of example 2").select_option("yes")
    save(page)
    expect(page.locator(".tf-example .tf-problem")).to_contain_text(
        "Expected yes, offline:rules said no"
    )
    question.get_by_label("Expected answer of example 2").select_option("no")
    save(page)

    expect(page.locator("body")).to_contain_text("was added successfully")
    trigger = stored(page, system, name="Prices")
    assert trigger["enabled"] is True
    assert (trigger["examples"]["passed"], trigger["examples"]["state"]) == (2, "passed")
    (kept,) = trigger["conditions"]["conditions"]
    assert kept == {
        "type": "llm",
        "description": WORDS,
        "context_fields": ["form.fields.message"],
        "model": "offline:rules",
        "examples": [
            {"input": "Your prices please", "expected": True},
            {"input": "A cake", "expected": False},
        ],
    }
    page.goto(f"{system.url}/admin/triggers/trigger/{trigger['id']}/change/")
    expect(page.locator(".tf-examples")).to_contain_text(WORDS)
    expect(page.get_by_text("2 of 2 are right.")).to_be_visible()
    expect(page.get_by_label("Input of example 2")).to_have_value("A cake")
    page.get_by_role("button", name="Remove example 2").click()
    expect(page.locator(".tf-example")).to_have_count(1)


def test_the_last_event_becomes_an_example(system: Trial, owner_page: Page) -> None:
    page = owner_page
    emit(page, system, {"text": "How much?", "other": "hidden"})
    question = open_form(page, system, name="Emitted", agent="Second reader")
    page.locator("#id_trigger_type").select_option("custom")
    page.get_by_label("Endpoint", exact=True).fill("browser_words")
    question.get_by_role("button", name="Add a field").click()
    question.get_by_label("Field 1 that the model sees").fill("text")
    question.get_by_role("button", name="Take the last event as example").click()
    taken = question.get_by_label("Input of example 1")
    expect(taken).to_be_visible()
    assert "How much?" in taken.input_value()
    assert "hidden" not in taken.input_value()
    question.get_by_role("button", name="Take the last event as example").click()
    expect(question.get_by_text("There are no older events.")).to_be_visible()


def emit(page: Page, system: Trial, data: dict[str, Any]) -> None:
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "csrftoken")
    answer = page.request.post(
        f"{system.url}/api/v1/triggers/emit",
        data={"endpoint": "browser_words", "data": data},
        headers={"X-CSRFToken": token, "Referer": system.url},
    )
    assert answer.status == 202, answer.text()
