from __future__ import annotations

import random
import re
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django.fixtures import Settings

from crm import form_tokens
from crm.models import Contact, Form, FormSubmission, Workspace
from triggers.models import Event

ANN = {"name": "Ann Example", "email": "ann@example.org", "message": "Hello"}
INVISIBLE = "_homepage"


@pytest.fixture(autouse=True)
def no_limit(settings: Settings) -> None:
    settings.FORM_PER_MINUTE = 0


@pytest.fixture
def form(acme: Workspace) -> Form:
    return Form.objects.create(
        workspace=acme,
        name="Talk to <us>",
        slug="inbound",
        fields=[
            {"name": "name", "label": "Your name", "type": "text", "required": True},
            {
                "name": "email",
                "label": "E-mail",
                "type": "email",
                "required": True,
                "help": "No spam",
            },
            {"name": "plan", "label": "Plan", "type": "select", "options": ["Free", "Paid & more"]},
            {"name": "message", "label": "Message", "type": "textarea"},
            {"name": "news", "label": "Send me news", "type": "checkbox"},
        ],
    )


@pytest.fixture
def browser() -> Client:
    """As browsers are: strict about CSRF, and asking for HTML."""
    return Client(enforce_csrf_checks=True, headers={"Accept": "text/html"})


def post(browser: Client, form: Form, **values: Any) -> Any:
    token = values.pop("token", form_tokens.issue(form, aged=60))
    return browser.post(f"/forms/{form.public_id}/", {**ANN, "_token": token, **values})


def page(response: Any) -> str:
    text: str = response.content.decode()
    return text


def test_the_page_asks_for_each_field(browser: Client, form: Form) -> None:
    response = browser.get(f"/forms/{form.public_id}/")
    html = page(response)
    assert response.status_code == 200
    assert "Talk to &lt;us&gt;" in html
    for name in ("name", "email", "plan", "message", "news"):
        assert f'<label for="field-{name}">' in html
        assert f'id="field-{name}"' in html
    assert 'aria-describedby="help-email"' in html
    assert "<script" not in html
    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


def test_a_person_fills_it_in(browser: Client, form: Form) -> None:
    with time_machine.travel("2026-11-20 10:00:00Z") as clock:
        html = page(browser.get(f"/forms/{form.public_id}/"))
        token = re.search(r'name="_token" value="([^"]+)"', html)
        assert token
        clock.shift(5)
        response = post(browser, form, token=token[1], plan="Paid & more", news="on", _homepage="")
        assert (response.status_code, response["Location"]) == (
            303,
            f"/forms/{form.public_id}/thanks/",
        )
    assert "we will be in touch" in page(browser.get(response["Location"]))
    submission = FormSubmission.objects.get()
    assert submission.fields == {**ANN, "plan": "Paid & more", "news": True}
    assert not submission.is_spam
    assert Contact.objects.get().first_name == "Ann"
    assert set(Event.objects.values_list("type", flat=True)) == {
        "contact_created",
        "form_submitted",
    }
    assert set(Event.objects.values_list("actor", flat=True)) == {"system"}


def test_wrong_answers_come_back_beside_their_fields(browser: Client, form: Form) -> None:
    response = post(
        browser, form, email='"><script>', message="Kept & safe", plan="Paid & more", color="red"
    )
    html = page(response)
    assert response.status_code == 400
    assert 'id="error-email"' in html
    assert 'aria-describedby="help-email error-email"' in html
    assert 'value="&quot;&gt;&lt;script&gt;"' in html
    assert "Kept &amp; safe</textarea>" in html
    assert "<option selected>Paid &amp; more</option>" in html
    assert "color: This form has no such field." in html
    assert not Contact.objects.exists()


def test_required_and_oversized_answers_are_told(browser: Client, form: Form) -> None:
    html = page(post(browser, form, name="", message="x" * 10_001))
    assert 'id="error-name">This field is required.' in html
    assert 'id="error-message">At most 10,000 characters.' in html


@pytest.mark.parametrize("kind", ["missing", "garbled", "foreign", "expired"])
def test_a_page_that_is_not_ours_or_old_is_refused_and_keeps_the_answers(
    browser: Client, form: Form, settings: Settings, kind: str
) -> None:
    token = {
        "missing": "",
        "garbled": "abc:def:ghi",
        "foreign": form_tokens.issue(
            Form.objects.create(workspace=form.workspace, name="B", slug="b")
        ),
        "expired": form_tokens.issue(form, aged=settings.FORM_MAX_SECONDS + 5),
    }[kind]
    response = post(browser, form, token=token)
    html = page(response)
    assert response.status_code == 403
    assert "Your answers are still here" in html
    assert 'value="ann@example.org"' in html
    assert not FormSubmission.objects.exists()
    again = re.search(r'name="_token" value="([^"]+)"', html)
    assert again
    assert post(browser, form, token=again[1]).status_code == 303
    assert not FormSubmission.objects.get().is_spam


@pytest.mark.parametrize("how", ["honeypot", "fast"])
def test_programs_are_thanked_and_only_noted(browser: Client, form: Form, how: str) -> None:
    values = {"_homepage": "x"} if how == "honeypot" else {"token": form_tokens.issue(form)}
    response = post(browser, form, **values)
    assert response.status_code == 303
    assert FormSubmission.objects.get().is_spam
    assert not Contact.objects.exists()
    assert not Event.objects.exists()


def test_what_is_sent_twice_counts_once(browser: Client, form: Form) -> None:
    token = form_tokens.issue(form, aged=60)
    first, second = (post(browser, form, token=token) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert FormSubmission.objects.count() == 1
    assert Event.objects.filter(type="form_submitted").count() == 1
    form.refresh_from_db()
    assert form.submissions_count == 1


def test_a_person_may_answer_again(browser: Client, form: Form) -> None:
    token = form_tokens.issue(form, aged=60)
    post(browser, form, token=token)
    post(browser, form, token=token, message="One more thing")
    post(browser, form)  # the page was opened anew
    assert FormSubmission.objects.filter(is_spam=False).count() == 3


def test_what_was_too_fast_may_be_sent_again(browser: Client, form: Form) -> None:
    with time_machine.travel("2026-11-20 10:00:00Z", tick=False) as clock:
        token = form_tokens.issue(form)
        post(browser, form, token=token)
        clock.shift(5)
        post(browser, form, token=token)
    assert sorted(FormSubmission.objects.values_list("is_spam", flat=True)) == [False, True]


def test_how_fast_is_too_fast_can_be_set(browser: Client, form: Form, settings: Settings) -> None:
    settings.FORM_MIN_SECONDS = 0
    post(browser, form, token=form_tokens.issue(form))
    assert not FormSubmission.objects.get().is_spam


def test_a_closed_form_says_so(browser: Client, form: Form) -> None:
    Form.objects.update(is_open=False)
    response = browser.get(f"/forms/{form.public_id}/")
    assert (response.status_code, "is closed" in page(response)) == (200, True)
    response = post(browser, form)
    assert (response.status_code, "is closed" in page(response)) == (409, True)


def test_a_flood_is_asked_to_wait(browser: Client, form: Form, settings: Settings) -> None:
    settings.FORM_PER_MINUTE = 3
    browser.defaults["REMOTE_ADDR"] = f"10.{random.randrange(256)}.{random.randrange(256)}.7"
    answers = [post(browser, form) for _ in range(5)]
    assert [response.status_code for response in answers] == [303, 303, 303, 429, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 120
    assert 'value="ann@example.org"' in page(answers[-1])


@pytest.mark.parametrize(
    "path", ["/forms/nothing/", "/forms/nothing/thanks/", "/forms/a%00b/", "/forms/%F0%9F/"]
)
def test_unknown_forms_are_not_found(db: None, path: str) -> None:
    assert Client().get(path).status_code == 404
    assert Client().post(path).status_code in (404, 405)


def test_odd_bodies_are_told(browser: Client, form: Form) -> None:
    path = f"/forms/{form.public_id}/"
    many = "&".join(f"f{number}=1" for number in range(1_001))
    form_type = "application/x-www-form-urlencoded"
    assert browser.post(path, b"a" * 1_100_000, content_type=form_type).status_code == 413
    assert browser.post(path, many, content_type=form_type).status_code == 400
    assert browser.post(path, b"x", content_type="multipart/form-data").status_code == 400
    assert browser.post(path, b"{}", content_type="application/json").status_code == 403
    assert browser.put(path).status_code == 405
    assert browser.delete(path).status_code == 405
    assert post(browser, form, name="a\x00b").status_code == 400
    assert post(browser, form, **{"a\x00b": "x"}).status_code == 400
    assert not FormSubmission.objects.exists()


def test_a_file_is_no_answer(browser: Client, form: Form, tmp_path: Any) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    with file.open("rb") as handle:
        response = post(browser, form, upload=handle)
    assert response.status_code == 400
    assert "upload: This form has no such field." in page(response)
