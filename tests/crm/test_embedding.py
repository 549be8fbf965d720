"""Forms on other sites: frames by the form's list, answers from scripts by CORS without credentials."""

from __future__ import annotations

import html
import random
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from crm import embedding, form_tokens
from crm.models import Form, FormSubmission, Workspace

SITE, STRANGER = "https://www.example.org", "https://evil.example"
PATH = "/api/workspaces/acme/webhooks/form-submitted"
ANN = {"email": "ann@example.org", "name": "Ann"}


@pytest.fixture(autouse=True)
def own_address(settings: Settings) -> None:
    settings.FORM_PER_MINUTE = 0
    settings.SITE_URL = "https://forms.example"
    settings.ALLOWED_HOSTS = ["forms.example", "testserver"]


@pytest.fixture
def form(acme: Workspace) -> Form:
    return Form.objects.create(workspace=acme, name="Ask <us>", slug="ask", origins=[SITE])


def send(body: Any, *, origin: str = SITE, **more: Any) -> Any:
    headers = {"Origin": origin} if origin else {}
    return Client().post(PATH, body, content_type="application/json", headers=headers, **more)


def preflight(origin: str, path: str = PATH) -> Any:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    return Client().options(path, headers=asked)


# --- frames -----------------------------------------------------------------------------------------------------------
def test_only_named_sites_may_show_it(form: Form) -> None:
    for path in (f"/forms/{form.public_id}/", f"/forms/{form.public_id}/thanks/"):
        answer = Client().get(path)
        assert f"frame-ancestors 'self' {SITE};" in answer["Content-Security-Policy"]
        assert "X-Frame-Options" not in answer


def test_without_sites_nobody_may(form: Form) -> None:
    Form.objects.update(origins=[])
    answer = Client().get(f"/forms/{form.public_id}/")
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_in_a_frame_all_its_pages_stay_in_the_frame(form: Form) -> None:
    address = f"/forms/{form.public_id}/?embed"
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(address)
    assert f'action="{address}"' in page.text
    assert "forms/frame.js" in page.text
    wrong = browser.post(address, {"_token": form_tokens.issue(form, aged=9), "name": "Ann"})
    assert (wrong.status_code, f'action="{address}"' in wrong.text) == (400, True)
    token = re.search(r'name="_token" value="([^"]+)"', wrong.text)
    assert token
    sent = browser.post(address, {**ANN, "_token": token[1]})
    assert (sent.status_code, sent["Location"]) == (303, f"/forms/{form.public_id}/thanks/?embed")
    thanks = browser.get(sent["Location"])
    assert "data-sent" in thanks.text
    assert not browser.cookies
    assert "frame.js" not in browser.get(f"/forms/{form.public_id}/").text


def test_the_snippet_names_this_installation_and_escapes(form: Form) -> None:
    text = embedding.snippet(form)
    assert f'src="https://forms.example/forms/{form.public_id}/?embed"' in text
    assert "https://forms.example/static/forms/embed.js" in text
    assert "Ask &lt;us&gt;" in text


# --- scripts ----------------------------------------------------------------------------------------------------------
def test_a_preflight_of_a_named_site(form: Form) -> None:
    answer = preflight(SITE)
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == SITE
    assert answer["Access-Control-Allow-Methods"] == "POST"
    assert "Content-Type" in answer["Access-Control-Allow-Headers"]
    assert {"Origin", "Access-Control-Request-Method"} <= set(answer["Vary"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        (STRANGER, PATH),
        ("null", PATH),
        ("*", PATH),
        (f"{SITE}.evil.example", PATH),
        (SITE.upper(), PATH),
        (SITE, PATH.replace("acme", "nowhere")),
        ("https://a\\u0000", PATH),
    ],
)
def test_a_preflight_of_others(form: Form, origin: str, path: str) -> None:
    answer = preflight(origin, path)
    assert answer.status_code == 204
    assert "Access-Control-Allow-Origin" not in answer
    assert "Origin" in answer["Vary"]


def test_closed_forms_welcome_nobody(form: Form) -> None:
    Form.objects.update(is_open=False)
    assert "Access-Control-Allow-Origin" not in preflight(SITE)


def test_answers_of_a_named_site_are_taken(form: Form) -> None:
    answer = send({**ANN, "form_id": form.public_id})
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == SITE
    assert "Retry-After" in answer["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    assert "Origin" in answer["Vary"]
    assert not answer.cookies


def test_faults_can_be_read_by_the_site(form: Form, settings: Settings) -> None:
    for body in ({"form_id": form.public_id, "name": "Ann"}, "{"):
        answer = send(body)
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (400, SITE)
    settings.FORM_PER_MINUTE = 1
    address = f"10.{random.randrange(256)}.{random.randrange(256)}.9"
    flood = [send({**ANN, "form_id": form.public_id}, REMOTE_ADDR=address) for _ in range(2)]
    assert (flood[1].status_code, flood[1]["Access-Control-Allow-Origin"]) == (429, SITE)


@pytest.mark.parametrize("origin", [STRANGER, "null"])
@pytest.mark.parametrize("named", [True, False], ids=["a form", "no form"])
def test_answers_of_others_are_refused(form: Form, origin: str, named: bool) -> None:
    answer = send({**ANN, **({"form_id": form.public_id} if named else {})}, origin=origin)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer
    assert not FormSubmission.objects.exists()


def test_a_site_of_one_form_is_not_one_of_another(form: Form, acme: Workspace) -> None:
    second = Form.objects.create(workspace=acme, name="B", slug="b")
    answer = send({**ANN, "form_id": second.public_id})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize("origin", ["", "https://forms.example"], ids=["program", "own page"])
def test_programs_and_our_own_pages_need_no_list(acme: Workspace, origin: str) -> None:
    answer = send(ANN, origin=origin)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer
    assert "Origin" in answer["Vary"]


def test_a_session_makes_no_difference(form: Form, owner: User) -> None:
    """Whoever is logged in here is nobody there: no cookie is looked at, so none can be misused."""
    browser = Client()
    browser.force_login(owner)
    body = {**ANN, "form_id": form.public_id}
    answer = browser.post(PATH, body, content_type="application/json", headers={"Origin": STRANGER})
    assert answer.status_code == 403


def test_preflights_are_not_counted(form: Form, settings: Settings) -> None:
    settings.FORM_PER_MINUTE = 2
    address = f"10.{random.randrange(256)}.{random.randrange(256)}.10"
    for _ in range(2):
        assert (
            Client(REMOTE_ADDR=address).options(PATH, headers={"Origin": SITE}).status_code == 204
        )
        answer = send({**ANN, "form_id": form.public_id}, REMOTE_ADDR=address)
        assert answer.status_code == 200


def test_a_preflight_costs_one_query(
    form: Form, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        preflight(SITE)


def test_a_forms_limit_counts_its_page_and_its_scripts(form: Form, settings: Settings) -> None:
    settings.FORM_TOTAL_PER_MINUTE = 2
    page = Client().post(
        f"/forms/{form.public_id}/", {**ANN, "_token": form_tokens.issue(form, aged=9)}
    )
    answers = [send({**ANN, "form_id": form.public_id}) for _ in range(2)]
    assert (page.status_code, [one.status_code for one in answers]) == (303, [200, 429])
    assert int(answers[1]["Retry-After"]) >= 1


# --- naming the sites -------------------------------------------------------------------------------------------------
def test_sites_over_rest(api: APIClient) -> None:
    made = api.post("/api/v1/forms", {"name": "F", "origins": ["HTTPS://A.example/"]}).json()
    assert made["origins"] == ["https://a.example"]
    assert html.escape(made["public_url"]) in made["embed_html"]
    wrong = api.patch(f"/api/v1/forms/{made['id']}", {"origins": ["*"]})
    assert (wrong.status_code, list(wrong.json()["details"])) == (400, ["origins"])
    several: list[Any] = ["x", None, {"a": 1}, [[]]]
    for odd in several:
        assert api.patch(f"/api/v1/forms/{made['id']}", {"origins": odd}).status_code == 400
    assert api.patch(f"/api/v1/forms/{made['id']}", {"origins": []}).json()["origins"] == []
