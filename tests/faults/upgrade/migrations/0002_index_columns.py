from __future__ import annotations

from django.db import migrations, models

from tests.faults.upgrade.operations import On


class Migration(migrations.Migration):
    dependencies = [("faults", "0001_add_columns")]
    operations = [
        On(
            app,
            migrations.AddIndex(model, models.Index(fields=["added", at], name=f"{model}_added")),
        )
        for app, model, at in (
            ("triggers", "event", "recorded_at"),
            ("executions", "execution", "created_at"),
        )
    ]
