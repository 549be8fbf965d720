"""Contacts in and out as CSV files."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from crm.models import Contact, Workspace
from executions.models import AuditEntry

IMPORT = "/api/v1/contacts/import"
EXPORT = "/api/v1/contacts/export"


def send(api: APIClient, text: str | bytes, query: str = "") -> Any:
    raw: Any = text.encode() if isinstance(text, str) else text
    return api.generic("POST", IMPORT + query, raw, content_type="text/csv")


def test_rows_become_contacts_and_problems_are_told_by_line(
    api: APIClient, acme: Workspace
) -> None:
    Contact.objects.create(workspace=acme, email="known@example.org", title="CTO")
    text = (
        "\ufeffName;E-Mail;Company;Shoe size\r\n"
        "Ann Maria Lee;ann@example.org;Acme;40\r\n"
        '"Bob";nonsense;"Multi\r\nline";\r\n'
        ";;;\r\n"
        "Ann Again;ANN@example.org;;\r\n"
        "Known;KNOWN@example.org;New;\r\n"
        "Cleo;;;;;;\r\n"
    )
    answer = send(api, text)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["created"], body["updated"], body["skipped"], body["failed"]) == (1, 0, 2, 2)
    assert [(problem["line"], list(problem["errors"])) for problem in body["problems"]] == [
        (3, ["email"]),
        (8, ["row"]),
    ]
    assert body["ignored_columns"] == ["Shoe size"]
    ann = Contact.objects.get(email="ann@example.org")
    assert (ann.first_name, ann.last_name, ann.company, ann.source) == (
        "Ann",
        "Maria Lee",
        "Acme",
        "import",
    )
    assert AuditEntry.objects.filter(verb="import", after__created=1).exists()


def test_known_addresses_are_updated_where_that_is_asked_for(
    api: APIClient, acme: Workspace
) -> None:
    Contact.objects.create(workspace=acme, email="ann@example.org", title="CTO", company="Acme")
    text = (
        "email,title,company\nANN@example.org,CEO,\nbob@example.org,Dev,\nbob@example.org,Boss,\n"
    )
    body = send(api, text, "?on_duplicate=update").json()
    assert (body["created"], body["updated"], body["skipped"]) == (1, 2, 0)
    assert Contact.objects.get(email="ANN@example.org").title == "CEO"
    assert (
        Contact.objects.get(email="ANN@example.org").company == "Acme"
    )  # an empty cell takes nothing away
    assert Contact.objects.get(email="bob@example.org").title == "Boss"


@pytest.mark.parametrize(
    "text, status, code",
    [
        (b"", 400, "invalid"),
        (b"email\n\xff\n", 400, "invalid_csv"),
        (b"colour,size\nred,4\n", 400, "invalid_csv"),
        (b"email,E-Mail\na@b.ch,c@d.ch\n", 400, "invalid_csv"),
        (b'email\n"a@b.ch\n', 400, "invalid_csv"),
        (b"email\n" + b"x" * 5_300_000, 413, "too_large"),
        (b"first_name\n" + b"Ann\n" * 10_001, 413, "too_large"),
    ],
    ids=[
        "empty",
        "not UTF-8",
        "unknown columns",
        "a column twice",
        "open quote",
        "too long",
        "too many rows",
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    api: APIClient, text: bytes, status: int, code: str
) -> None:
    answer = send(api, text)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert not Contact.objects.exists()


def test_other_ways_to_send_it(api: APIClient) -> None:
    upload = SimpleUploadedFile("contacts.csv", b"email\nann@example.org\n")
    assert api.post(IMPORT, {"file": upload}, format="multipart").json()["created"] == 1
    assert api.post(IMPORT, {"file": "text"}, format="multipart").status_code == 400
    assert api.post(IMPORT, {}, format="multipart").status_code == 400
    assert api.post(IMPORT, {"file": "x"}, format="json").status_code == 415
    assert send(api, "email\na@b.ch\n", "?on_duplicate=explode").status_code == 400


def test_an_export_runs_in_no_spreadsheet_and_comes_back_whole(
    api: APIClient, foreign_api: APIClient, acme: Workspace
) -> None:
    Contact.objects.create(
        workspace=acme, first_name="=1+1", email="ann@example.org", phone="+49 30 1", title="@boss"
    )
    answer = api.get(EXPORT, headers={"Accept": "text/csv"})
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    row = answer.content.decode().splitlines()[1].split(",")
    assert row[1:6] == ["'=1+1", "", "ann@example.org", "'+49 30 1", "'@boss"]
    assert send(foreign_api, answer.content).json()["created"] == 1
    copy = Contact.objects.get(workspace__slug="other")
    assert (copy.first_name, copy.phone, copy.title) == ("=1+1", "+49 30 1", "@boss")
    assert len(foreign_api.get(f"{EXPORT}?search=nobody").content.splitlines()) == 1
