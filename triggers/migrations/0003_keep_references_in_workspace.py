import django.db.models.deletion
from django.db import migrations, models

from config.lib.own_workspace import tie


class Migration(migrations.Migration):
    """The pair (workspace, id) instead of the id alone: no row can refer to another workspace's."""

    dependencies = [
        ('agents', '0003_keep_references_in_workspace'),
        ('triggers', '0002_mark_deleted_bodies'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='event',
            name='event_newest',
        ),
        migrations.AlterField(
            model_name='trigger',
            name='agent',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='triggers', to='agents.agent'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='event_own'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='trigger_own'),
        ),
        tie("triggers_trigger", "agent_id", to="agents_agent"),
    ]
