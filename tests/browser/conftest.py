"""One whole system for all browser tests, as `make run` starts it, and a browser in which the
demo's owner is logged in.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from config.up import trial
from config.up.trial import Trial

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    return {"executable_path": CHROMIUM, "args": quiet}


@pytest.fixture(scope="session")
def system() -> Iterator[Trial]:
    with trial.running(FORM_MIN_SECONDS="0") as running:
        yield running


@pytest.fixture
def owner_page(system: Trial, context: BrowserContext) -> Page:
    """The dashboard, logged in; a message on the browser's console fails the test."""
    page = context.new_page()
    page.goto(f"{system.url}/login/")
    user, password = system.login
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{system.url}/")
    return page
