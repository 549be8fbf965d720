"""Migrate, and fill an empty database with the demo. A process of its own: `python -m config.up.prepare`.

The supervisor starts it before everything else, and reads what it leaves in `var/demo.json`:
`{"form": "/forms/<public id>/" | null, "login": true}`, where `login` says that user admin has DEMO_PASSWORD.
An empty database is one without any workspace of people, so a demo that somebody deleted does not come back beside
their own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    migrate_and_seed()
    found = {"form": demo_form(), "login": login_works()}
    (Path(os.environ["VAR_DIR"]) / "demo.json").write_text(json.dumps(found))


def migrate_and_seed() -> None:
    from django.core.management import call_command
    from django.db import transaction

    from crm.models import Workspace

    call_command("migrate", interactive=False, verbosity=1)
    if not Workspace.objects.visible().exists():
        with (
            transaction.atomic()
        ):  # all of the demo or nothing: half of one would never be completed
            call_command("seed_demo")


def demo_form() -> str | None:
    from crm.models import Form

    form = Form.objects.filter(workspace__slug="demo", is_open=True).order_by("pk").first()
    return f"/forms/{form.public_id}/" if form else None


def login_works() -> bool:
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(username="admin", is_active=True).first()
    return user is not None and user.check_password(os.environ.get("DEMO_PASSWORD", ""))


if __name__ == "__main__":
    main()
