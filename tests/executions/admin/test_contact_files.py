"""Contacts in and out as CSV files, by the buttons above their list."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from crm import contact_csv
from crm.models import Contact, Membership, Workspace
from executions.models import AuditEntry
from tests.executions.admin.conftest import Things
from tests.executions.admin.pages import url
from triggers.models import Event

IMPORT = "/admin/crm/contact/import/"
EXPORT = "/admin/crm/contact/export/"


def upload(who: Client, raw: str | bytes, *, to: str = IMPORT, on_duplicate: str = "skip") -> Any:
    content = raw.encode() if isinstance(raw, str) else raw
    return who.post(
        to, {"file": SimpleUploadedFile("c.csv", content), "on_duplicate": on_duplicate}
    )


def test_a_file_becomes_contacts_events_and_one_row_of_the_trail(
    ann: Client, acme: Workspace
) -> None:
    assert IMPORT in ann.get(url(Contact, "changelist")).text
    assert "Import contacts into Acme" in ann.get(IMPORT).text
    answer = upload(ann, "email,first_name\na@example.org,Ann\nb@example.org,Bob\n")
    assert answer.status_code == 302
    assert set(Contact.objects.values_list("email", "workspace")) == {
        ("a@example.org", acme.pk),
        ("b@example.org", acme.pk),
    }
    assert Event.objects.filter(type="contact_created").count() == 2
    entry = AuditEntry.objects.get()
    assert entry.after
    assert (entry.verb, entry.target_id, entry.after["created"]) == ("import", str(acme.pk), 2)


def test_what_was_left_out_is_told(ann: Client, acme: Workspace) -> None:
    Contact.objects.create(workspace=acme, email="known@example.org", title="CTO")
    raw = "email,title,Shoe size\nnonsense,CEO,40\nknown@example.org,CEO,41\n<script>,x,1\n"
    page = upload(ann, raw, on_duplicate="update")
    assert page.status_code == 200
    assert "0 added, 1 updated, 0 known already, 2 left out." in page.text
    assert "Line 2" in page.text
    assert "Shoe size" in page.text
    assert "<script>," not in page.text
    assert Contact.objects.get(email="known@example.org").title == "CEO"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"shoe size\n40\n", "names no column that is known"),
        (b"email,email\na,b\n", "Two columns are named email"),
        (b'email\n"a', "Line"),
        (b"email\n" + b"a@example.org\n" * (contact_csv.MAX_ROWS + 1), "At most 10000 rows"),
        (b"email\n" + b"x" * contact_csv.MAX_BYTES, "larger than 5 MiB"),
    ],
    ids=["empty", "binary", "columns", "doubled", "quote", "rows", "bytes"],
)
def test_a_file_that_cannot_be_read(raw: bytes, said: str, ann: Client) -> None:
    page = upload(ann, raw)
    assert page.status_code == 200
    assert said in " ".join(page.context["form"].errors["file"])
    assert not Contact.objects.exists()
    assert not AuditEntry.objects.exists()


def test_no_file_and_no_sense(ann: Client) -> None:
    assert ann.post(IMPORT, {}).status_code == 200
    assert upload(ann, "email\na@example.org\n", on_duplicate="\x00").status_code == 200
    assert not Contact.objects.exists()


def test_the_export_holds_what_the_list_shows_and_no_formula(
    ann: Client, acme: Workspace, things: Things, foreign: Things
) -> None:
    Contact.objects.create(workspace=acme, first_name="=cmd()", company="+1", email="z@example.org")
    assert EXPORT in ann.get(url(Contact, "changelist")).text
    answer = ann.get(EXPORT)
    assert "attachment" in answer["Content-Disposition"]
    assert "'=cmd()" in answer.text
    assert ",'+1," in answer.text
    assert str(foreign[Contact].pk) not in answer.text
    assert len(ann.get(EXPORT, {"q": "z@example"}).text.splitlines()) == 2


def test_who_may(viewer: Client, editor: Client, other: Workspace, ann: Client, owner: Any) -> None:
    assert viewer.get(EXPORT).status_code == 200
    assert viewer.get(IMPORT).status_code == 403
    assert upload(viewer, "email\na@example.org\n").status_code == 403
    assert IMPORT not in viewer.get(url(Contact, "changelist")).text
    assert editor.get(IMPORT).status_code == 200
    assert upload(editor, "email\na@example.org\n", to=f"{IMPORT}?workspace={other.pk}")
    assert not Contact.objects.filter(workspace=other).exists()
    Membership.objects.create(workspace=other, user=owner, role="editor")
    assert [str(one) for one in ann.get(IMPORT).context["workspaces"]] == ["Acme", "Other"]
    upload(ann, "email\nb@example.org\n", to=f"{IMPORT}?workspace={other.pk}")
    assert Contact.objects.get(email="b@example.org").workspace == other
