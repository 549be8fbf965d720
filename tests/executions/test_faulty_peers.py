"""Runs against peers that are slow, drip, reset, overflow or break off: each ends as it should, its place free."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from agents import hosts
from agents.actions import Effect, Scene
from agents.models import FailingHost
from config.lib import clock
from crm.models import Contact, Workspace
from executions import executor, sweep
from executions.models import Execution, Status, StepState, TriggerGate
from tests.agents.mailserver import BREAK_OFF, MailServer, mail_server

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[[], None]
Start = Callable[..., Execution]


class Peer(socketserver.ThreadingTCPServer):
    """Speaks HTTP badly, in the way that the path names."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Badly)
        self.calls: list[str] = []
        self.closing = threading.Event()


class _Badly(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode().removeprefix("/")
        self.server.calls.append(path)
        while self.rfile.readline().strip():
            pass
        try:
            getattr(self, path)()
        except OSError:
            return  # the client had enough

    def silent(self) -> None:
        self.server.closing.wait(30)

    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def drip_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def reset(self) -> None:
        option = struct.pack("ii", 1, 0)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        self.request.close()

    def half(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    def nonsense(self) -> None:
        self.wfile.write(b"no such protocol\r\n\r\n")

    def huge(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
        for _ in range(160):
            self.wfile.write(b"x" * 65_536)


@pytest.fixture
def peer(settings: Any) -> Iterator[Peer]:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    with Peer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.closing.set()
        server.shutdown()


def step(peer: Peer, path: str, **params: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{peer.server_address[1]}/{path}"
    return {"action": "http_request", "params": {"url": url, **params}}


@pytest.mark.parametrize("path", ["silent", "drip", "drip_headers"])
def test_a_run_is_timed_out_and_its_place_is_free(peer: Peer, start: Start, path: str) -> None:
    execution = start(step(peer, path), timeout_seconds=1)
    began = time.monotonic()
    executor.drain()
    assert time.monotonic() - began < 10
    execution.refresh_from_db()
    assert (execution.status, execution.lease) == (Status.TIMED_OUT, None)
    assert "1 seconds" in execution.error_message


@pytest.mark.parametrize("path", ["silent", "drip", "reset", "half", "nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_may_be_repeated_is_and_the_rest_is_in_doubt(
    peer: Peer, start: Start, path: str, method: str
) -> None:
    execution = start(step(peer, path, method=method, timeout_seconds=1))
    executor.drain()
    execution.refresh_from_db()
    state = execution.steps.get().state
    if method == "GET":
        assert (execution.status, state) == (Status.RETRYING, StepState.FAILED)
    else:
        assert (execution.status, state) == (Status.INTERRUPTED, StepState.UNKNOWN)
        assert "is not known" in execution.error_message
    assert peer.calls == [path]


def test_an_answer_of_10_mb_is_not_read(peer: Peer, start: Start) -> None:
    execution = start(step(peer, "huge"))
    host = f"127.0.0.1:{peer.server_address[1]}"
    hosts.note_failure(execution.workspace_id, host, error="no")
    executor.drain()
    assert FailingHost.objects.get().failures == 0  # it answered
    execution.refresh_from_db()
    assert execution.status == Status.FAILED
    assert "more than 1024 KiB" in execution.error_message


def test_a_doubtful_step_that_may_fail_does_not_end_the_run(peer: Peer, start: Start) -> None:
    execution = start(
        {**step(peer, "reset", method="POST"), "on_error": "continue"},
        {"action": "notify", "params": {"message": "@steps.1.error"}},
    )
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.COMPLETED
    assert execution.steps.first().state == StepState.FAILED  # type: ignore[union-attr]


def test_final_errors_are_final_at_once(peer: Peer, start: Start) -> None:
    execution = start(step(peer, "half", headers={"X-A": "a\nb"}))
    executor.drain()
    execution.refresh_from_db()
    assert (execution.status, execution.attempt, peer.calls) == (Status.FAILED, 1, [])


def test_attempts_are_the_agents_own_number(
    peer: Peer, start: Start, run_everything_due: Run, settings: Any
) -> None:
    settings.HOST_FAILURES = 100
    execution = start(step(peer, "half"), max_attempts=2)
    for _ in range(4):
        Execution.objects.filter(status=Status.RETRYING).update(run_at=clock.now())
        run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.attempt, len(peer.calls)) == (Status.FAILED, 2, 2)
    assert TriggerGate.objects.get().consecutive_failures == 0  # the host's fault


def test_a_database_action_that_hangs_is_stopped(
    start: Start, act: Callable[..., None], acme: Workspace
) -> None:
    """It waits for a row that somebody holds."""
    contact = Contact.objects.create(workspace=acme, first_name="Ann", email="ann@example.org")

    def change(scene: Scene, params: dict[str, Any]) -> None:
        Contact.objects.filter(pk=contact.pk).update(title="VIP")

    act("change", change, effect=Effect.DATABASE)
    execution = start({"action": "change"}, timeout_seconds=1)
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Contact.objects.select_for_update().get(pk=contact.pk)
            holds.set()
            done.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holds.wait(10)
        began = time.monotonic()
        executor.drain()
        assert time.monotonic() - began < 15
    finally:
        done.set()
        holder.join()
    execution.refresh_from_db()
    assert (execution.status, execution.lease) == (Status.TIMED_OUT, None)
    contact.refresh_from_db()
    assert contact.title == ""


# --- e-mail ---------------------------------------------------------------------------------------

EMAIL = {
    "action": "send_email",
    "params": {"to": "ann@example.org", "subject": "Hi", "body": "Hello"},
}


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    with mail_server(settings) as server:
        yield server


def test_a_mail_that_may_have_been_sent_needs_a_person(mails: MailServer, start: Start) -> None:
    mails.faults["body"] = BREAK_OFF
    execution = start(EMAIL)
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.INTERRUPTED
    assert execution.steps.get().state == StepState.UNKNOWN
    assert len(mails.taken) == 1


def test_a_mail_that_was_not_sent_is_tried_again(
    mails: MailServer, start: Start, run_everything_due: Run
) -> None:
    mails.faults["rcpt"] = BREAK_OFF
    execution = start(EMAIL)
    executor.drain()
    execution.refresh_from_db()
    assert execution.status == Status.RETRYING
    mails.faults.clear()
    Execution.objects.update(run_at=clock.now())
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, len(mails.taken)) == (Status.COMPLETED, 1)


def test_runs_are_held_while_the_mail_server_is_away(
    mails: MailServer, start: Start, run_everything_due: Run, settings: Any
) -> None:
    settings.HOST_FAILURES = 1
    settings.HOST_AWAY_SECONDS = 0.5
    mails.faults["greeting"] = "421 busy"
    execution = start(EMAIL)
    run_everything_due()
    execution.refresh_from_db()
    assert (execution.status, execution.held_for) == (Status.QUEUED, f"127.0.0.1:{mails.port}")
    mails.faults.clear()
    end = time.monotonic() + 20
    while not mails.taken and time.monotonic() < end:
        sweep.sweep()
        run_everything_due()
        threading.Event().wait(0.2)
    execution.refresh_from_db()
    assert (execution.status, execution.attempt) == (Status.COMPLETED, 1)
