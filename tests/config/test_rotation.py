"""Every stored secret comes under the newest key, whatever table it stands in, and the old keys may go."""

from __future__ import annotations

import ast
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import CommandError, call_command
from django.db import connection, models
from pytest_django import Settings

from agents import sealing
from agents.models import Agent
from config.lib import rotation, secrets
from config.lib.secrets import EncryptedTextField
from crm.models import Workspace
from tests.rows import make
from triggers.models import Trigger, WebhookEndpoint

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))
FIELDS = rotation.secret_fields()
CLEAR = "the secret itself"
# Who may encrypt: what they make stands in a SealedTextField.
WRITERS = {"config/lib/secrets.py", "agents/sealing.py", "executions/journal.py"}
each_field = pytest.mark.parametrize("field", FIELDS, ids=str)


@pytest.fixture(autouse=True)
def old_key(settings: Settings) -> None:
    settings.FIELD_KEYS = [OLD]


def run(**options: Any) -> str:
    told = StringIO()
    call_command("rotate_secrets", stdout=told, stderr=told, **options)
    return told.getvalue()


def store(field: models.Field[Any, Any], text: str, *, workspace: Workspace) -> Any:
    """A row with this in the column, past the field; its id."""
    row = make(field.model, workspace=workspace)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {field.model._meta.db_table} SET {field.column} = %s WHERE id = %s",
            [text, row.pk],
        )
    return row.pk


def stored(field: models.Field[Any, Any], pk: Any) -> str:
    table = field.model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {field.column} FROM {table} WHERE id = %s", [pk])
        return str(cursor.fetchone()[0])


def test_the_fields_are_found() -> None:
    assert {str(field) for field in FIELDS} >= {
        "agents.Agent.sealed",
        "agents.McpServer.env",
        "agents.McpServer.headers",
        "agents.ModelProvider.api_key",
        "executions.Step.sealed",
        "triggers.Trigger.sealed",
        "triggers.WebhookEndpoint.sealed",
    }


def test_nobody_stores_what_rotation_does_not_find() -> None:
    """Who encrypts by hand must keep it in a SealedTextField, and is named here."""
    root, found = Path(__file__).parents[2], set()
    for app in ("config", "crm", "agents", "triggers", "executions"):
        for path in (root / app).rglob("*.py"):
            if "migrations" not in path.parts and _encrypts(ast.parse(path.read_text())):
                found.add(str(path.relative_to(root)))
    assert found == WRITERS


def _encrypts(tree: ast.AST) -> bool:
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [getattr(one, "attr", getattr(one, "id", "")) for one in called]
    return "encrypt" in names


@each_field
def test_the_old_key_may_go(field: Any, acme: Workspace, settings: Settings) -> None:
    pk = store(field, secrets.encrypt(CLEAR), workspace=acme)
    settings.FIELD_KEYS = [NEW, OLD]
    told = run()
    assert CLEAR not in told
    assert OLD not in told + NEW
    settings.FIELD_KEYS = [NEW]
    assert secrets.decrypt(stored(field, pk)) == CLEAR
    settings.FIELD_KEYS = [OLD]
    with pytest.raises(InvalidToken):
        secrets.decrypt(stored(field, pk))


def test_what_is_used_goes_on_working(acme: Workspace, settings: Settings) -> None:
    steps = [{"action": "http_request", "params": {"headers": {"Authorization": "Bearer k-1234"}}}]
    masked, sealed = sealing.seal(steps, sealed="")
    agent = Agent.objects.create(workspace=acme, name="Caller", steps=masked, sealed=sealed)
    trigger: Any = make(Trigger, workspace=acme)
    Trigger.objects.filter(pk=trigger.pk).update(sealed='{"secret": "s"}', version=7)
    WebhookEndpoint.made_for(trigger).save()
    token = WebhookEndpoint.objects.get(trigger=trigger).sealed
    settings.FIELD_KEYS = [NEW, OLD]
    run()
    settings.FIELD_KEYS = [NEW]
    agent.refresh_from_db()
    assert sealing.opened(agent.steps, sealed=agent.sealed)[0] == steps
    trigger.refresh_from_db()
    assert (trigger.sealed, trigger.version) == ('{"secret": "s"}', 7)
    assert WebhookEndpoint.objects.get(trigger=trigger).sealed == token


@each_field
def test_a_second_run_changes_nothing(field: Any, acme: Workspace, settings: Settings) -> None:
    pk = store(field, secrets.encrypt(CLEAR), workspace=acme)
    settings.FIELD_KEYS = [NEW, OLD]
    run()
    before = stored(field, pk)
    told = run()
    assert stored(field, pk) == before
    assert f"{field.model._meta.db_table}.{field.column}: 0 rotated, " in told
    assert "0 secrets were rotated." in told


def test_a_run_that_was_broken_off_goes_on(
    acme: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = next(one for one in FIELDS if str(one) == "agents.Agent.sealed")
    keys = [store(field, secrets.encrypt(CLEAR), workspace=acme) for _ in range(7)]
    settings.FIELD_KEYS = [NEW, OLD]
    rotate_row, done = rotation._rotate_row, []

    def fail(*given: Any) -> None:
        done.append(given)
        if len(done) == 6:
            raise KeyboardInterrupt
        rotate_row(*given)

    monkeypatch.setattr(rotation, "_rotate_row", fail)
    with pytest.raises(KeyboardInterrupt):
        run(batch=2)
    monkeypatch.setattr(rotation, "_rotate_row", rotate_row)
    assert "agents_agent.sealed: 3 rotated, 4 were under the newest key, 0 locked" in run(batch=2)
    settings.FIELD_KEYS = [NEW]
    assert {secrets.decrypt(stored(field, pk)) for pk in keys} == {CLEAR}


def test_what_no_key_opens_is_named_and_the_rest_is_done(
    acme: Workspace, settings: Settings
) -> None:
    opened, lost = {}, {}
    for field in FIELDS:
        settings.FIELD_KEYS = [FOREIGN]
        lost[field] = store(field, secrets.encrypt(CLEAR), workspace=acme)
        settings.FIELD_KEYS = [OLD]
        opened[field] = store(field, secrets.encrypt(CLEAR), workspace=acme)
    broken = store(FIELDS[0], "no cipher text", workspace=acme)
    settings.FIELD_KEYS = [NEW, OLD]
    told = StringIO()
    with pytest.raises(CommandError, match=f"{len(FIELDS) + 1} could not be opened") as failed:
        call_command("rotate_secrets", stdout=told, stderr=told)
    assert failed.value.returncode == 1
    for field, pk in [*lost.items(), (FIELDS[0], broken)]:
        name = f"{field.model._meta.db_table}.{field.column}"
        assert f"{name}: row {pk} cannot be opened" in told.getvalue()
    settings.FIELD_KEYS = [NEW]
    assert {secrets.decrypt(stored(field, pk)) for field, pk in opened.items()} == {CLEAR}
    settings.FIELD_KEYS = [FOREIGN]
    assert {secrets.decrypt(stored(field, pk)) for field, pk in lost.items()} == {CLEAR}


def test_nothing_is_encrypted_twice(acme: Workspace, settings: Settings) -> None:
    """Empty columns stay empty, and a field that decrypts by itself reads the clear text."""
    trigger: Any = make(Trigger, workspace=acme)
    field = next(one for one in FIELDS if isinstance(one, EncryptedTextField))
    pk = store(field, secrets.encrypt(CLEAR), workspace=acme)
    settings.FIELD_KEYS = [NEW, OLD]
    run()
    row = field.model._default_manager.get(pk=pk)
    assert getattr(row, field.attname) == CLEAR
    trigger.refresh_from_db()
    assert trigger.sealed == ""


def test_secrets_from_before_there_was_a_key(acme: Workspace, settings: Settings) -> None:
    settings.FIELD_KEYS = []
    pk = store(FIELDS[0], secrets.encrypt(CLEAR), workspace=acme)
    settings.FIELD_KEYS = [NEW]
    run()
    assert secrets.decrypt(stored(FIELDS[0], pk)) == CLEAR


@pytest.mark.parametrize("keys", [[], ["no key"], [NEW, "b25l"]], ids=["none", "bad", "second bad"])
def test_no_key_no_rotation(keys: list[str], acme: Workspace, settings: Settings) -> None:
    pk = store(FIELDS[0], secrets.encrypt(CLEAR), workspace=acme)
    before = stored(FIELDS[0], pk)
    settings.FIELD_KEYS = keys
    with pytest.raises(CommandError, match="FIELD_KEY") as failed:
        run()
    assert stored(FIELDS[0], pk) == before
    assert NEW not in str(failed.value)
