"""A form on another site: in a frame, whose height fits; and its answers from a script of that site."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from config.up.trial import Trial


@dataclass
class Site:
    """Somebody's website, on another port and so of another origin."""

    origin: str
    pages: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def site() -> Iterator[Site]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = found.pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    found = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def form(system: Trial, owner_page: Page) -> Iterator[dict[str, Any]]:
    """The demo's form, which names no site; as it was afterwards."""
    found: dict[str, Any] = owner_page.request.get(f"{system.url}/api/v1/forms").json()["results"][
        0
    ]
    yield found
    name_sites(owner_page, system, found, [])


def name_sites(
    page: Page, system: Trial, form: dict[str, Any], origins: list[str]
) -> dict[str, Any]:
    token = next(one["value"] for one in page.context.cookies() if one["name"] == "csrftoken")
    answer = page.request.patch(
        f"{system.url}/api/v1/forms/{form['id']}",
        data={"origins": origins},
        headers={"X-CSRFToken": token, "Referer": system.url},
    )
    assert answer.ok, answer.text()
    named: dict[str, Any] = answer.json()
    return named


def test_a_form_in_a_frame_of_another_site(
    system: Trial, context: BrowserContext, owner_page: Page, site: Site, form: dict[str, Any]
) -> None:
    snippet = name_sites(owner_page, system, form, [site.origin])["embed_html"]
    assert system.url in snippet
    site.pages["/"] = f"""<!doctype html><title>Ours</title><h1>Our own site</h1>{snippet}
        <script>document.addEventListener("triggerfish:sent", () => document.title = "Sent!")</script>"""
    visitor = context.browser.new_context() if context.browser else context  # nobody is logged in
    page = visitor.new_page()
    page.goto(site.origin)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Your name")).to_be_visible()
    inside = page.frames[1]
    expect(page.locator("iframe")).not_to_have_css("height", "640px")
    assert inside.evaluate("document.documentElement.scrollHeight <= innerHeight + 1")
    frame.get_by_label("Your name").fill("Fay Frame")
    frame.get_by_label("E-mail").fill("fay@example.org")
    frame.get_by_role("button", name="Send").click()
    expect(frame.get_by_role("heading", name="Sent")).to_be_visible()
    expect(page).to_have_title("Sent!")
    assert visitor.cookies() == []
    visitor.close()
    owner_page.goto(system.url)
    expect(owner_page.locator("main").get_by_text("Fay Frame").first).to_be_visible(timeout=15_000)


def test_a_site_that_is_not_named_shows_nothing(
    system: Trial, context: BrowserContext, site: Site, form: dict[str, Any]
) -> None:
    site.pages["/"] = f'<!doctype html><iframe src="{form["public_url"]}?embed"></iframe>'
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(site.origin)
    page.wait_for_timeout(500)
    assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in refused), refused
    assert page.frames[1].locator("form").count() == 0


def test_a_script_of_a_named_site_sends_answers(
    system: Trial, context: BrowserContext, owner_page: Page, site: Site, form: dict[str, Any]
) -> None:
    site.pages["/"] = "<!doctype html><title>Ours</title>"
    page = context.new_page()
    page.goto(site.origin)
    call = """async ([url, body]) => {
        try {
            const answer = await fetch(url, {
                method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
            return [answer.status, await answer.json()];
        } catch (error) { return [0, {}]; }
    }"""
    url = f"{system.url}/api/workspaces/demo/webhooks/form-submitted"
    body = {"form_id": form["public_id"], "name": "Sam Script", "email": "sam@example.org"}
    assert page.evaluate(call, [url, body])[0] == 0  # the browser does not even send it
    name_sites(owner_page, system, form, [site.origin])
    status, answer = page.evaluate(call, [url, body])
    assert (status, answer["success"]) == (200, True)
    status, answer = page.evaluate(call, [url, {**body, "email": "nonsense"}])
    assert (status, "email" in answer["details"]) == (400, True)


def test_the_snippet_is_copied_in_the_admin(
    system: Trial, context: BrowserContext, owner_page: Page, site: Site, form: dict[str, Any]
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    owner_page.goto(f"{system.url}/admin/crm/form/{form['id']}/change/")
    owner_page.fill("[name=origins]", f"{site.origin}/\nnonsense")
    owner_page.get_by_role("button", name="Save and continue editing").click()
    expect(owner_page.locator("body")).to_contain_text("Site 2: begin with https://")
    owner_page.fill("[name=origins]", f"{site.origin}/")
    owner_page.get_by_role("button", name="Save and continue editing").click()
    expect(owner_page.locator("[name=origins]")).to_have_value(site.origin)
    owner_page.get_by_role("button", name="Copy", exact=True).click()
    expect(owner_page.get_by_role("button", name="Copied")).to_be_visible()
    assert owner_page.locator("iframe").count() == 0  # it is text here
    copied = owner_page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f'<iframe src="{form["public_url"]}?embed"')
