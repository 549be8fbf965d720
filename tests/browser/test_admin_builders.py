"""An owner builds an agent and its trigger in the admin, by hand: no box with JSON anywhere."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from config.up.trial import Trial


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def build_agent(page: Page, system: Trial, *, name: str) -> None:
    page.goto(f"{system.url}/admin/agents/agent/add/")
    page.fill("#id_name", name)
    page.get_by_role("button", name="Add a step").click()
    page.get_by_label("Action of step 1").select_option("create_note")
    page.get_by_role("button", name="Variable").first.click()
    page.get_by_label("Find a variable").fill("deal.name")
    page.keyboard.press("Enter")
    expect(page.locator(".tf-step textarea, .tf-step input[type=text]").first).to_have_value(
        "@deal.name"
    )
    save(page)
    expect(page.locator("body")).to_contain_text("was added successfully")


def fill_conditions(page: Page) -> None:
    page.get_by_role("button", name="Add a row").first.click()
    page.get_by_label("Field of row 1").fill("deal.value")
    page.get_by_label("Operator of row 1").select_option("greater_than")
    page.get_by_label("Value for deal.value").fill("many")
    page.get_by_role("button", name="Add a group").first.click()
    group = page.locator(".tf-group .tf-group")
    group.get_by_label("Field of row 1").fill("new_stage")
    group.get_by_label("Operator of row 1").select_option("in")
    group.get_by_label("Value for new_stage, 1", exact=True).fill("Closed Won")
    group.get_by_role("button", name="Add a value").click()
    group.get_by_label("Value for new_stage, 2", exact=True).fill("Negotiation")


def stored(page: Page, system: Trial, *, name: str) -> dict[str, Any]:
    found = page.request.get(f"{system.url}/api/v1/triggers?page_size=200").json()["results"]
    trigger: dict[str, Any] = next(one for one in found if one["name"] == name)
    return trigger


def test_an_agent_and_a_trigger_with_conditions_are_built(system: Trial, owner_page: Page) -> None:
    page = owner_page
    build_agent(page, system, name="Builder")
    page.goto(f"{system.url}/admin/triggers/trigger/add/")
    page.fill("#id_name", "Big deals")
    page.locator("#id_agent").select_option(label="Builder")
    page.get_by_label("Event", exact=True).select_option("deal_stage_updated")
    fill_conditions(page)
    save(page)

    mistake = page.locator(".tf-part-value .tf-problem")  # at the value itself
    expect(mistake).to_contain_text("must be a number")
    page.get_by_label("Value for deal.value").fill("10000")
    save(page)

    expect(page.locator("body")).to_contain_text("was added successfully")
    assert stored(page, system, name="Big deals")["conditions"] == {
        "type": "combined",
        "logic": "AND",
        "conditions": [
            {"field": "deal.value", "operator": "greater_than", "value": 10000},
            {
                "type": "rule",
                "logic": "OR",
                "rules": [
                    {"field": "new_stage", "operator": "in", "value": ["Closed Won", "Negotiation"]}
                ],
            },
        ],
    }


def test_inputs_come_from_paths_and_words(system: Trial, owner_page: Page) -> None:
    page = owner_page
    build_agent(page, system, name="Buyer")
    page.goto(f"{system.url}/admin/triggers/trigger/add/")
    page.fill("#id_name", "Offers")
    page.locator("#id_agent").select_option(label="Buyer")
    page.get_by_label("Event", exact=True).select_option("deal_stage_updated")
    rows = page.locator("#id_input_mapping_box .tf-row")
    for number, name in enumerate(("deal", "amount", "topic"), start=1):
        page.get_by_role("button", name="Add an input").click()
        rows.nth(number - 1).get_by_label("Input").fill(name)
    rows.nth(0).get_by_label("Where it comes from, row 1", exact=True).fill("$.deal.name")
    for row in (rows.nth(1), rows.nth(2)):
        row.get_by_label("Where it comes from, Where").select_option("words")
    save(page)
    expect(page.locator(".tf-problem", has_text="Say in words what the value is.")).to_have_count(2)

    rows.nth(1).get_by_label("In words").fill("the amount that is offered, in dollars")
    rows.nth(1).get_by_label("Kind of value").select_option("number")
    rows.nth(1).get_by_label("empty where").check()
    rows.nth(1).get_by_text("What the model sees").click()
    rows.nth(1).get_by_label("Fields that the model sees").fill("deal.name\ncontact.email")
    rows.nth(1).get_by_label("Model").last.fill("offline:rules")
    rows.nth(2).get_by_label("In words").fill("what it is about")
    rows.nth(2).get_by_label("Kind of value").select_option("choice")
    rows.nth(2).get_by_label("Choices").fill("a price\na date")
    save(page)
    expect(page.locator("body")).to_contain_text("was added successfully")
    mapping = {
        "deal": "$.deal.name",
        "amount": {
            "extract": "the amount that is offered, in dollars",
            "schema": {"type": ["number", "null"]},
            "context_fields": ["deal.name", "contact.email"],
            "model": "offline:rules",
        },
        "topic": {
            "extract": "what it is about",
            "schema": {"type": "string", "enum": ["a price", "a date"]},
        },
    }
    assert stored(page, system, name="Offers")["input_mapping"] == mapping

    page.get_by_role("link", name="Offers", exact=True).first.click()
    expect(page.locator("#id_input_mapping_box .tf-row")).to_have_count(3)
    by_name = {
        one.get_by_label("Input").input_value(): one
        for one in page.locator("#id_input_mapping_box .tf-row").all()
    }
    expect(by_name["amount"].get_by_label("Kind of value")).to_have_value("number")
    by_name["amount"].get_by_label("Kind of value").select_option("schema")
    by_name["amount"].get_by_label("JSON Schema").fill('{"type": "number", "minimum": 1}')
    by_name["topic"].get_by_label("empty where").check()
    save(page)
    expect(page.locator("body")).to_contain_text("was changed successfully")
    after = stored(page, system, name="Offers")["input_mapping"]
    assert after["amount"]["schema"] == {"type": "number", "minimum": 1}
    assert after["topic"]["schema"] == {
        "type": ["string", "null"],
        "enum": ["a price", "a date", None],
    }


def test_the_keyboard_is_enough(system: Trial, owner_page: Page) -> None:
    """Enter adds a row, Alt and an arrow move it; the page is not sent by either."""
    page = owner_page
    page.goto(f"{system.url}/admin/crm/workspace/")
    page.locator("#result_list tbody a").first.click()
    stages = page.locator("#id_stages_box input[type=text]")
    expect(stages.first).to_be_visible()
    before = [stage.input_value() for stage in stages.all()]
    stages.first.press("Enter")
    page.keyboard.type("Dormant")
    page.keyboard.press("Alt+ArrowUp")
    expect(stages.nth(len(before) - 1)).to_have_value("Dormant")
    save(page)
    expect(page.locator("body")).to_contain_text("was changed successfully")
    page.locator("#result_list tbody a").first.click()
    expect(stages).to_have_count(len(before) + 1)
    after = [stage.input_value() for stage in stages.all()]
    assert after == [*before[:-1], "Dormant", before[-1]]


def test_a_fault_is_told_once_at_its_place(system: Trial, owner_page: Page) -> None:
    page = owner_page
    page.goto(f"{system.url}/admin/agents/agent/add/")
    page.fill("#id_name", "Unfinished")
    for number, action in enumerate(("create_note", "send_email"), start=1):
        page.get_by_role("button", name="Add a step").click()
        page.get_by_label(f"Action of step {number}").select_option(action)
    save(page)
    expect(page.locator(".tf-problem")).to_have_count(4)
    expect(page.get_by_text("This field is required.")).to_have_count(4)


def test_the_second_of_two_editors_is_told(system: Trial, owner_page: Page) -> None:
    page, other = owner_page, owner_page.context.new_page()
    page.goto(f"{system.url}/admin/crm/contact/")
    page.locator("#result_list tbody a").first.click()
    other.goto(page.url)
    other.fill("#id_title", "Chief of theirs")
    save(other)
    expect(other.locator("body")).to_contain_text("was changed successfully")
    page.fill("#id_phone", "555 0100")
    save(page)
    expect(page.locator("body")).to_contain_text(
        "Somebody else changed this while you had the page open: Title."
    )
    expect(page.locator("#id_phone")).to_have_value("555 0100")
    save(page)
    expect(page.locator("body")).to_contain_text("was changed successfully")
    other.close()
