"""One whole system for all browser tests, as `make run` starts it, and a browser in which the
demo's owner is logged in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from config.up import trial
from config.up.trial import Trial
from tests import boot, chromium
from tests.agents.mcps import PROGRAM


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return chromium.launch_args()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder below which the system may watch files."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="session")
def system(files: Path) -> Iterator[Trial]:
    settings = {"FORM_MIN_SECONDS": "0", "FILE_WATCH_ROOTS": str(files), **boot.broker()}
    with trial.running(**settings, MCP_COMMANDS=" ".join(PROGRAM)) as running:
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
