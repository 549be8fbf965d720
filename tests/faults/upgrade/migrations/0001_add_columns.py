from __future__ import annotations

from django.db import migrations, models

from tests.faults.upgrade.operations import On


class Migration(migrations.Migration):
    dependencies = [("triggers", "0015_let_sources_name_types"), ("executions", "0025_watch_lag")]
    operations = [
        On(app, migrations.AddField(model, "added", models.IntegerField(default=0, db_default=0)))
        for app, model in (("triggers", "event"), ("executions", "execution"))
    ]
