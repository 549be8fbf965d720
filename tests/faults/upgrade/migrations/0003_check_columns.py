from __future__ import annotations

from django.db import migrations, models

from tests.faults.upgrade.operations import On


class Migration(migrations.Migration):
    dependencies = [("faults", "0002_index_columns")]
    operations = [
        On(
            app,
            migrations.AddConstraint(
                model,
                models.CheckConstraint(
                    condition=models.Q(added__gte=0), name=f"{model}_added_check"
                ),
            ),
        )
        for app, model in (("triggers", "event"), ("executions", "execution"))
    ]
