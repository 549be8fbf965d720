"""Signed webhooks through the real web server: how many are accepted, and how long one waits at a steady pace.

Servers of their own, one or two processes, beside a system whose workers run what was accepted, or stand still.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from benchmarks import ground
from benchmarks.figures import Figures
from config.lib import json as strict_json
from config.lib.locks import Lock
from config.up.place import REPOSITORY
from crm.models import Workspace
from triggers.models import Trigger, WebhookEndpoint
from triggers.sources import webhook
from triggers.webhook_secrets import mask

SECRET = "a secret that the benchmark signs with"
SIZES = (10, 1_000, 100_000)
PROCESSES = (1, 2)
CONNECTIONS = 64
PACE = 200  # a second
OURS, BARE = "config.asgi:application", "benchmarks.bare:application"
NO_LIMITS = {
    "WEBHOOK_PER_MINUTE": "100000000",
    "WEBHOOK_PER_PEER_MINUTE": "100000000",
    "WEBHOOK_TOTAL_PER_MINUTE": "100000000",
    "QUEUE_LIMIT": "100000000",
}  # every limit is asked, and none is reached


def accepted(*, sizes: tuple[int, ...] = SIZES, seconds: float = 6.0) -> Figures:
    """Accepted per second by one and two processes, with few and with many triggers."""
    agent = _agent()
    figures: Figures = {}
    for size in sizes:
        paths = _addresses(agent, size)
        for count in PROCESSES:
            with _server(count, app=BARE) as (port, _):
                bare = _load(port, paths, seconds=seconds / 2)["accepted/s"]
            with _server(count) as (port, pid):
                _load(port, paths, seconds=2)  # connections, caches
                began = _cpu_seconds(pid)
                said = _load(port, paths, seconds=seconds)
                said["cpu"] = (_cpu_seconds(pid) - began) / said["count"] * 1_000_000
                figures[f"{size:,} triggers, {_named(count)}: accepted/s"] = said["accepted/s"]
                figures[f"{size:,} triggers, {_named(count)}: p99 (ms)"] = said["p99"]
                figures[f"{size:,} triggers, {_named(count)}: share of a bare route"] = (
                    said["accepted/s"] / bare
                )
                figures[f"{size:,} triggers, {_named(count)}: CPU each (us)"] = said["cpu"]
    if len(sizes) == 1:
        return figures
    for count in PROCESSES:
        few, many = (
            figures[f"{size:,} triggers, {_named(count)}: accepted/s"]
            for size in (sizes[0], sizes[-1])
        )
        figures[f"few : many triggers, {_named(count)}"] = few / many
    return figures


def waits(*, size: int = SIZES[1], seconds: float = 10.0) -> Figures:
    """How long a sender waits for the answer at PACE."""
    paths = _addresses(_agent(), size)
    figures: Figures = {}
    for count in PROCESSES:
        with _server(count) as (port, _):
            _load(port, paths, seconds=2, rate=PACE)
            said = _load(port, paths, seconds=seconds, rate=PACE)
            figures[f"{_named(count)}: p50 (ms)"] = said["p50"]
            figures[f"{_named(count)}: p99 (ms)"] = said["p99"]
    return figures


def _named(count: int) -> str:
    return f"{count} process{'es' if count > 1 else ''}"


def _agent() -> Trigger:
    """Of an agent without limits, in a workspace of its own."""
    owner, _ = Workspace.objects.get_or_create(slug="hooks", defaults={"name": "hooks"})
    found = Trigger.objects.filter(workspace=owner, is_builtin=False, trigger_type="event").first()
    return found or ground.no_op_agent(owner, limited=False, event_type="never")


def _addresses(like: Trigger, size: int) -> list[str]:
    """The paths of ten webhooks of so many, spread over them all."""
    have = Trigger.objects.filter(workspace=like.workspace, trigger_type="webhook").count()
    kept = strict_json.dumps({"secret": SECRET}).decode()
    config = {"webhook_type": "generic", "webhook_config": {"secret": mask(SECRET)}}
    made = [
        Trigger(
            workspace=like.workspace,
            agent=like.agent,
            name=f"Hook {number}",
            trigger_type="webhook",
            config=config,
            sealed=kept,
            max_executions_per_hour=None,
        )
        for number in range(have, size)
    ]
    for trigger in made:
        trigger.topic = webhook.topic(trigger.pk)
    Trigger.objects.bulk_create(made, batch_size=2000)
    endpoints = [WebhookEndpoint.made_for(trigger) for trigger in made]
    WebhookEndpoint.objects.bulk_create(endpoints, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE triggers_trigger, triggers_webhookendpoint, triggers_event")
    mine = WebhookEndpoint.objects.filter(workspace=like.workspace).order_by("pk")
    return [f"/webhooks/{mine[size // 10 * step].sealed}" for step in range(10)]


@contextlib.contextmanager
def _server(processes: int, *, app: str = OURS) -> Iterator[tuple[int, int]]:
    """uvicorn as the README starts it, on a free port; (port, process id)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    where = ("--host", "127.0.0.1", "--port", str(port), "--workers", str(processes))
    manners = ("--ws", "websockets-sansio", "--no-access-log", "--no-proxy-headers", "--log-level")
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", app, *where, *manners, "warning"],
        cwd=REPOSITORY,
        env={**os.environ, **NO_LIMITS, "LOG_LEVEL": "WARNING"},
    )
    try:
        _wait_until_it_answers(port, processes)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_it_answers(port: int, processes: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as one:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if one.recv(100).startswith(b"HTTP/1.1 200"):
                break
        time.sleep(0.1)
    time.sleep(3.0 * (processes - 1))  # the others begin to listen at about the same time


def _load(port: int, paths: list[str], *, seconds: float, rate: float = 0) -> Figures:
    given = {"port": port, "paths": paths, "secret": SECRET, "seconds": seconds, "rate": rate}
    command = [sys.executable, "-m", "benchmarks.load"]
    said = subprocess.run(
        [*command, json.dumps({**given, "connections": CONNECTIONS})],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    figures = json.loads(said.stdout)
    if set(figures["statuses"]) - {"202"}:
        raise SystemExit(f"not all webhooks were accepted: {figures['statuses']}")
    said_of_it = {name: figures[name] for name in ("accepted/s", "p50", "p99")}
    return {**said_of_it, "count": figures["statuses"]["202"]}


def _cpu_seconds(pid: int) -> float:
    """What the process and its children have used, in user and system time."""
    found = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            _, _, rest = stat.read_text().rpartition(") ")
            fields = rest.split()
            if int(stat.parent.name) == pid or int(fields[1]) == pid:
                found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


@contextlib.contextmanager
def nothing_dispatched() -> Iterator[None]:
    """What is accepted waits: the lock of the one dispatcher is held here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [Lock.DISPATCH.value])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [Lock.DISPATCH.value])
