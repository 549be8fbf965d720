"""What the dashboard shows is what the database holds: after a flood, and after the web server was away."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from config.up.place import REPOSITORY, read_env
from config.up.trial import Trial

UPDATES, SECONDS = 10_000, 10
CONVERGES_WITHIN_MS = 5_000
BACK_WITHIN_MS = 40_000  # the web server starts anew, and the page waits longer after each try


def beside(system: Trial, code: str) -> subprocess.Popen[str]:
    """A `manage.py` command that finds the system's servers by its folder."""
    ours = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY", "FIELD_KEY")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    environment = {**kept, **read_env(system.folder / "run.env"), "VAR_DIR": str(system.folder)}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.strip()


def skipped_in_the_database(system: Trial) -> str:
    code = "from executions.models import Execution as E; print(E.objects.filter(status='skipped').count())"
    return said(beside(system, code))


@pytest.mark.timeout(180)
def test_after_a_flood_of_updates_the_page_equals_the_database(
    system: Trial, owner_page: Page
) -> None:
    shown = owner_page.locator('[data-count="skipped"]')
    expect(owner_page.locator("#pulse")).to_have_attribute("data-state", "live")
    owner_page.evaluate("window.notReloaded = true")
    try:
        flood = f"from tests.browser.flooding import flood; flood({UPDATES}, seconds={SECONDS})"
        assert float(said(beside(system, flood))) < SECONDS * 4  # else it is no flood
        ended = time.monotonic()
        expected = skipped_in_the_database(system)
        left = CONVERGES_WITHIN_MS - (time.monotonic() - ended) * 1000
        expect(shown).to_have_text(expected, timeout=max(left, 1))
        assert int(expected) >= UPDATES
        newest = owner_page.locator(".happenings > li").first
        expect(newest).to_contain_text("Flood 0")
        expect(newest).to_contain_text("and 94 more")
        assert owner_page.evaluate("window.notReloaded")
    finally:
        said(beside(system, "from tests.browser.flooding import ebb; ebb()"))


@pytest.mark.timeout(180)
def test_after_the_web_server_was_killed_the_page_catches_up(
    system: Trial, context: BrowserContext, owner_page: Page
) -> None:
    pulse = owner_page.locator("#pulse")
    expect(pulse).to_have_attribute("data-state", "live")
    owner_page.evaluate("window.notReloaded = true")
    os.kill(web_of(system), signal.SIGKILL)
    expect(pulse).to_have_attribute("data-state", "offline")
    said(
        beside(
            system,
            "from crm.models import Contact as C, Workspace as W; "
            "C.objects.create(workspace=W.objects.get(slug='demo'), first_name='Missed', last_name='Meanwhile')",
        )
    )
    expect(owner_page.locator("main")).to_contain_text("Missed Meanwhile", timeout=BACK_WITHIN_MS)
    expect(pulse).to_have_attribute("data-state", "live", timeout=BACK_WITHIN_MS)
    assert owner_page.evaluate("window.notReloaded")


def test_on_a_phone_the_menu_opens_below_the_head(owner_page: Page) -> None:
    owner_page.set_viewport_size({"width": 390, "height": 800})
    owner_page.locator(".menu summary").click()
    head, drawer = (owner_page.locator(name).bounding_box() for name in (".brand", ".drawer"))
    assert head
    assert drawer
    assert drawer["y"] >= head["y"] + head["height"]
    assert drawer["width"] > 300


def web_of(system: Trial) -> int:
    """The process that listens at the system's port, found among the supervisor's children by its socket."""
    port = int(system.url.rpartition(":")[2])
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {
        row.split()[9]
        for row in rows
        if row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
    }
    children = Path(f"/proc/{system.pid}/task/{system.pid}/children").read_text().split()
    for child in children:
        for descriptor in Path(f"/proc/{child}/fd").iterdir():
            found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            if found and found[1] in inodes:
                return int(child)
    raise AssertionError("nobody listens there")
