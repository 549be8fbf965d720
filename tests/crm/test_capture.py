"""Switching the capture of other programs' changes on and off, and what is said of it."""

from __future__ import annotations

from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from crm import capture
from crm.models import CapturedChange, Contact, Workspace
from tests import programs

pytestmark = pytest.mark.django_db(transaction=True)
Program = psycopg.Connection[Any]


def run(*args: str) -> str:
    out = StringIO()
    call_command("capture_writes", *args, stdout=out)
    return out.getvalue()


def traces() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'triggerfish%') "
            "+ (SELECT count(*) FROM pg_proc WHERE proname LIKE 'triggerfish%')"
        )
        return int((cursor.fetchone() or (-1,))[0])


def test_on_and_off_are_each_once_and_leave_no_trace() -> None:
    assert "capture is off" in run("status")
    try:
        assert "capture is on" in run("on")
        assert "crm_contact: captured" in run("on")
        assert traces() == len(capture.TABLES) + 1
    finally:
        said = run("off")
    assert "capture is off" in said
    assert run("off") == said
    assert traces() == 0


@pytest.mark.usefixtures("capturing")
def test_status_says_what_is_missing_and_on_mends_it(program: Program) -> None:
    program.execute("DROP TRIGGER triggerfish_capture ON crm_contact")
    program.execute("ALTER TABLE crm_membership DISABLE TRIGGER triggerfish_capture")
    program.execute(
        "CREATE OR REPLACE FUNCTION triggerfish_capture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    with pytest.raises(CommandError) as refused:
        run("status")
    said = str(refused.value)
    assert "crm_contact is missing" in said
    assert "crm_membership is disabled" in said
    assert "of another version" in said
    run("on")
    assert "crm_membership: captured" in run("status")


def test_a_table_in_use_is_waited_for_a_moment_only(acme: Workspace, program: Program) -> None:
    """The writer goes on, and nothing is left half installed."""
    with program.transaction():
        program.execute("UPDATE crm_membership SET role = role")
        program.execute("LOCK TABLE crm_membership IN ROW EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="crm_membership is in use"):
            run("on", "--wait", "0.2")
    assert traces() == 0


def test_no_capture_through_a_connection_that_is_not_known_as_ours() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET triggerfish.writer = ''")
        try:
            with pytest.raises(CommandError, match="not say that it is ours"):
                run("on")
        finally:
            cursor.execute("RESET triggerfish.writer")
    assert traces() == 0


def test_options_of_ones_own_do_not_take_the_mark_away() -> None:
    assert connection.settings_dict["OPTIONS"]["options"].endswith("-c triggerfish.writer=django")
    with connection.cursor() as cursor:
        cursor.execute("SET triggerfish.writer = 'x'")
        cursor.execute("DISCARD ALL")
        cursor.execute("SHOW triggerfish.writer")
        assert cursor.fetchone() == ("django",)


@pytest.mark.usefixtures("capturing")
def test_behind_a_pooler_the_role_may_carry_the_mark(acme: Workspace, program: Program) -> None:
    where = f'ROLE CURRENT_USER IN DATABASE "{connection.settings_dict["NAME"]}"'
    program.execute(f"ALTER {where} SET triggerfish.writer = 'django'")
    try:
        with programs.connect() as ours:
            ours.execute("DISCARD ALL")
            ours.execute("UPDATE crm_workspace SET name = name")
            assert ours.execute("SHOW triggerfish.writer").fetchone() == ("django",)
    finally:
        program.execute(f"ALTER {where} RESET triggerfish.writer")


@pytest.mark.usefixtures("capturing")
def test_a_new_column_needs_nothing_installed(acme: Workspace, program: Program) -> None:
    ann = Contact.objects.create(workspace=acme, first_name="Ann")
    program.execute("ALTER TABLE crm_contact ADD COLUMN nickname text")
    try:
        with programs.connect() as other:
            other.execute("UPDATE crm_contact SET nickname = 'Annie' WHERE id = %s", [ann.pk])
    finally:
        program.execute("ALTER TABLE crm_contact DROP COLUMN nickname")
    change = CapturedChange.objects.get()
    assert change.after is not None
    assert change.after["nickname"] == "Annie"
    run("status")


def test_nothing_but_more_than_no_seconds() -> None:
    with pytest.raises(CommandError, match="more than 0"):
        run("on", "--wait", "0")
