"""What the cases are sent to: two workspaces with all kinds of addresses, and one real web server."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections

from agents.models import Agent, AgentStatus
from config.lib import clock
from config.up import child, processes
from config.up.address import Address, free_port
from config.up.place import Place
from crm import form_tokens, tokens
from crm.models import SCOPES, Contact, Form, Membership, Opportunity, Role, Workspace
from tests.corpus import sessions, signing, wire
from triggers import blueprint
from triggers.models import Trigger, WebhookEndpoint

LIMIT = 8  # requests a minute from one address; each case has an address of its own
_NOTIFY = {"action": "notify", "params": {"message": "Hello"}}
_SERVERS_OWN = {
    "WEBHOOK_PER_PEER_MINUTE": str(LIMIT),
    "FORM_PER_MINUTE": str(LIMIT),
    "WEBHOOK_PER_MINUTE": "0",
    "WEBHOOK_REJECTIONS_PER_MINUTE": "0",
    "FORM_TOTAL_PER_MINUTE": "0",
    "DRAFTS_PER_MINUTE": "0",
    "EMIT_PER_MINUTE": "0",
    "FORM_MIN_SECONDS": "1",
    "MALLOC_ARENA_MAX": "2",  # as `make run` has it
    "LOG_LEVEL": "INFO",
    "LOG_FORMAT": "plain",
}
_SCRIPT = "<script>alert(1)</script>"
_FIELDS = [
    {"name": "email", "label": "E-mail", "type": "email", "required": True},
    {"name": "name", "label": "Name", "type": "text"},
    {"name": "age", "label": "Age", "type": "number"},
    {"name": "born", "label": "Born", "type": "date"},
    {"name": "plan", "label": "Plan", "type": "select", "options": ["Free", "Paid"]},
]


class Server:
    """The web process of `make run`, on the database of the tests. `names`: what `<words>` in cases stand for."""

    def __init__(
        self, names: Mapping[str, str], folder: Path, settings_of_its_own: Mapping[str, str]
    ) -> None:
        self.names = dict(names)
        self.log = folder / "web.log"
        self._files = folder / "files"
        self._files.mkdir()
        (self._files / "out").symlink_to("/etc")
        self.names["link"] = str(self._files / "out")
        self.port = free_port()
        self._seen = 0
        place = Place(folder)
        table = processes.table(place, Address("127.0.0.1", self.port), grace_seconds=1)
        program = next(one for stage in table for one in stage if one.name == "web")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                program.command,
                cwd=program.folder,
                env={
                    **os.environ,
                    "OUTBOUND_ALLOW": "",  # as it is where nobody has set it
                    "DATABASE_URL": _database_url(),
                    "FILE_WATCH_ROOTS": f"/usr/share,{self._files}",
                    **_SERVERS_OWN,
                    **settings_of_its_own,
                },
                stdout=log,
                stderr=log,
                preexec_fn=partial(child.die_with, os.getpid(), signal.SIGKILL),  # noqa: PLW1509
            )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(self, raw: bytes, *, source: str, half_closed: bool = False) -> wire.Answer | None:
        return wire.send(raw, port=self.port, source=source, half_closed=half_closed)

    def good(self, number: int) -> wire.Answer | None:
        """What must always succeed: a signed webhook."""
        body = b'{"good": %d}' % number
        headers = [("Content-Type", "application/json"), *signing.headers(body, {"by": "generic"})]
        line = f"POST /webhooks/{self.names['generic']}"
        source = f"127.2.{number // 250}.{number % 250 + 1}"
        return self.send(wire.request(line, headers, body, host=self.host), source=source)

    def new_in_log(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._seen)
            found = log.read()
        self._seen += len(found)
        return re.sub(r"\x1b\[[0-9;]*m", "", found.decode(errors="replace"))

    def megabytes(self) -> float:
        """What the process holds in memory."""
        told = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(told.partition("VmRSS:")[2].split()[0]) / 1024

    def wait(self) -> None:
        line = wire.request("GET /healthz", [], b"", host=self.host)
        for _ in range(600):
            if self._process.poll() is not None:
                break
            try:
                if self.send(line, source="127.0.0.1"):
                    return
            except OSError:
                self._pause()
        raise AssertionError(self.log.read_text())

    def _pause(self) -> None:
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@contextmanager
def running(folder: Path, **settings_of_its_own: str) -> Iterator[Server]:
    """The rows are committed, since another process reads them, and deleted again at the end."""
    try:
        server = Server(_rows(), folder, settings_of_its_own)
        try:
            server.wait()
            yield server
        finally:
            server.stop()
    finally:
        call_command("flush", verbosity=0, interactive=False)
        connections.close_all()


def _rows() -> dict[str, str]:
    acme = Workspace.objects.create(name="Acme", slug="acme")
    other = Workspace.objects.create(name="Other", slug="other")
    ann, eve = _owner("ann", acme), _owner("eve", other)
    agent, foreign = _agent(acme), _agent(other)
    contact = Contact.objects.create(workspace=acme, email="ann@example.org", first_name="Ann")
    deal = Opportunity.objects.create(workspace=acme, name="Big", value=5, contact=contact)
    form = Form.objects.create(workspace=acme, name="Contact us", slug="contact-us", fields=_FIELDS)
    closed = Form.objects.create(
        workspace=acme, name="Closed", slug="closed", fields=_FIELDS, is_open=False
    )
    far = Form.objects.create(workspace=other, name="Far", slug="far", fields=_FIELDS)
    names = {
        **_hooks(agent),
        **_forms(form, closed, far),
        **_tokens(acme, ann, other, eve),
        "agent": agent.pk,
        "foreign_agent": foreign.pk,
        "contact": contact.pk,
        "deal": deal.pk,
        "foreign_contact": Contact.objects.create(workspace=other, email="eve@example.org").pk,
        "evil_contact": Contact.objects.create(
            workspace=acme, email="x@example.org", first_name=_SCRIPT, last_name="{{7*7}}"
        ).pk,
        "session": sessions.begin(ann),
        "revoked_session": sessions.begin(ann, revoked=True),
        "csrf": "c" * 32,
        "nobody": "01900000-0000-7000-8000-000000000000",
    }
    return {name: str(value) for name, value in names.items()}


def _owner(name: str, workspace: Workspace) -> User:
    about = {"email": f"{name}@example.org", "password": f"{name}-password"}
    user = User.objects.create_user(name, is_staff=True, **about)
    Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    return user


def _agent(workspace: Workspace) -> Agent:
    return Agent.objects.create(
        workspace=workspace, name="Hears", steps=[_NOTIFY], status=AgentStatus.LIVE
    )


def _hooks(agent: Agent) -> dict[str, str]:
    """The token of each webhook's address, by the name of its sender or of what is special about it."""
    known: dict[str, dict[str, Any]] = {
        kind: {"webhook_type": kind, "webhook_config": {"secret": secret}}
        for kind, secret in signing.SECRETS.items()
    }
    known["telegram"]["webhook_config"]["bot_token"] = "123456:" + "a" * 35
    secret = {"secret": signing.SECRETS["generic"]}
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    known |= {
        "unsigned": {"webhook_config": {"unsigned": True}},
        "unsigned_too": {"webhook_config": {"unsigned": True}},
        "rotating": {
            "webhook_config": {"secret": "a newer one", "previous_secret": secret["secret"]}
        },
        "any_method": {
            "webhook_config": secret,
            "allowed_methods": ["POST", "GET", "PUT", "DELETE"],
        },
        "strict": {
            "webhook_config": secret,
            "validation_rules": {"required_headers": ["X-Kind"], "json_schema": schema},
        },
        "text": {"webhook_config": secret, "validation_rules": {"content_types": ["text/plain"]}},
        "far_away": {
            "webhook_config": secret,
            "validation_rules": {"allowed_ips": ["192.0.2.0/24"]},
        },
        "near": {"webhook_config": secret, "validation_rules": {"allowed_ips": ["127.0.0.0/8"]}},
        "other_header": {"webhook_config": {**secret, "signature_header": "X-Sign"}},
        "retired": {"webhook_config": secret},
        "removed": {"webhook_config": secret},
        "gone_type": {"webhook_config": secret},
        "unreadable": {"webhook_config": secret},
    }
    hooks = {name: _trigger(agent, name, config) for name, config in known.items()}
    found = {name: _endpoint(hook).sealed for name, hook in hooks.items()}
    retired = _endpoint(hooks["retired"])
    found["retired_before"] = retired.sealed
    retired.replace_token(now=clock.now() - dt.timedelta(days=2))
    replaced = _endpoint(hooks["rotating"])
    found["replaced"] = replaced.sealed
    replaced.replace_token(now=clock.now())
    found["rotating"] = replaced.sealed
    hooks["removed"].delete()
    Trigger.objects.filter(pk=hooks["gone_type"].pk).update(config={"webhook_type": "gone"})
    Trigger.objects.filter(pk=hooks["unreadable"].pk).update(sealed="")
    return {**found, "trigger": str(hooks["generic"].pk)}


def _trigger(agent: Agent, name: str, config: dict[str, Any]) -> Trigger:
    trigger = Trigger(workspace=agent.workspace)
    given = {"name": name, "agent_id": str(agent.pk), "trigger_type": "webhook", "config": config}
    blueprint.store(trigger, given)
    return trigger


def _endpoint(trigger: Trigger) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(trigger=trigger)


def _forms(form: Form, closed: Form, far: Form) -> dict[str, str]:
    return {
        "form": form.public_id,
        "form_id": str(form.pk),
        "closed_form": closed.public_id,
        "far_form": far.public_id,
        "form_token": form_tokens.issue(form, aged=60),
        "closed_token": form_tokens.issue(closed, aged=60),
        "fresh_token": form_tokens.issue(form, aged=-3600),
        "old_token": form_tokens.issue(form, aged=2 * settings.FORM_MAX_SECONDS),
        "far_token": form_tokens.issue(far, aged=60),
    }


def _tokens(acme: Workspace, ann: User, other: Workspace, eve: User) -> dict[str, str]:
    issue = partial(tokens.issue, acme, user=ann, name="corpus")
    revoked, revoked_secret = issue(scopes=SCOPES)
    tokens.revoke(revoked)
    passed = clock.now() - dt.timedelta(hours=1)
    return {
        "owner": issue(scopes=SCOPES)[1],
        "read": issue(scopes=["read"])[1],
        "run": issue(scopes=["run"])[1],
        "expired": issue(scopes=SCOPES, expires_at=passed)[1],
        "revoked": revoked_secret,
        "foreign": tokens.issue(other, user=eve, name="corpus", scopes=SCOPES)[1],
    }


def _database_url() -> str:
    """That of the settings, with the name of the test database."""
    parts = urlsplit(settings.DATABASE_URL)
    return str(urlunsplit(parts._replace(path=f"/{settings.DATABASES['default']['NAME']}")))
