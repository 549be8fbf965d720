"""People who look at the dashboard in a real browser, and programs that take a live socket and read nothing from it."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, Page, sync_playwright

from crm.models import Membership, Role
from tests import chromium
from tests.faults import rows

_READ = """() => {
  const all = (pattern) => [...document.querySelectorAll(pattern)];
  const texts = (pattern) => all(pattern).map((one) => one.textContent.trim());
  const runs = (where) => [...where.querySelectorAll("[data-key]:has(.badge)")].map((one) => [
    one.dataset.key, [...one.querySelector(".badge").classList].pop().replace("badge-", "")]);
  return {
    counts: Object.fromEntries(all("[data-count]").map((one) => [one.dataset.count, one.textContent])),
    feed: all(".happenings > li").map((one) => [one.dataset.key, runs(one)]),
    rows: runs(document.querySelector("table.cards tbody") ?? document.createElement("i")),
    bars: Object.fromEntries(texts(".chart title").map((one) => one.split(" · ")).map(([at, ...counts]) => [
      at, Object.fromEntries(counts.map((one) => one.split(" ")).map(([number, kind]) => [kind, Number(number)]))])),
    legend: texts(".legend .key"),
    pulse: document.getElementById("pulse").dataset.state,
    reloaded: !window.isSame,
  };
}"""


def session() -> str:
    """The cookie of somebody who is logged in and belongs to the scripts' workspace."""
    user, _ = User.objects.get_or_create(username="onlooker")
    about = {"workspace": rows.workspace(), "user": user}
    Membership.objects.get_or_create(**about, defaults={"role": Role.OWNER})
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


class Onlookers:
    """One Chromium with a page per address, all driven from a thread of their own: playwright runs an event loop in
    its thread, in which Django refuses to ask the database.
    """

    def __init__(self, addresses: dict[str, str], *, cookie: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._pages: dict[str, Page] = {}
        self._thread.submit(self._open, addresses, cookie).result()

    def read(self, name: str) -> dict[str, Any]:
        """What the page `name` shows now."""
        shown: dict[str, Any] = self._thread.submit(
            lambda: self._pages[name].evaluate(_READ)
        ).result()
        return shown

    def close(self) -> None:
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _open(self, addresses: dict[str, str], cookie: str) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(**chromium.launch_args())
        for name, address in addresses.items():
            self._pages[name] = _page(self._browser.new_context(), address, cookie)

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()


def _page(context: BrowserContext, address: str, cookie: str) -> Page:
    context.add_cookies(
        [{"name": "sessionid", "value": cookie, "domain": "127.0.0.1", "path": "/"}]
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector('#pulse[data-state="live"]')
    page.evaluate("window.isSame = true")
    return page


@contextlib.contextmanager
def looking(addresses: dict[str, str], *, cookie: str) -> Iterator[Onlookers]:
    found = Onlookers(addresses, cookie=cookie)
    try:
        yield found
    finally:
        found.close()


class Idler:
    """A live socket whose owner reads nothing, with little room on its way."""

    def __init__(self, port: int, *, cookie: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\nCookie: sessionid={cookie}\r\n\r\n"
        )
        self._socket.sendall(head.encode())
        if b" 101 " not in self._socket.recv(64):
            raise ConnectionError("no websocket was given")

    def was_let_go(self, *, seconds: float) -> bool:
        """Reads what had been written to it, for so long at most: whether that comes to an end."""
        until = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError), self._socket:
            while (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(65_536):
                    return True
        return False
