import django.db.models.deletion
from django.db import migrations, models

from config.lib.own_workspace import tie


class Migration(migrations.Migration):
    """The pair (workspace, id) instead of the id alone: no row can refer to another workspace's."""

    dependencies = [
        ('agents', '0003_keep_references_in_workspace'),
        ('executions', '0005_mail_alerts'),
        ('triggers', '0003_keep_references_in_workspace'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alert',
            name='agent',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='agents.agent'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='trigger',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='triggers.trigger'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='agent',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='executions', to='agents.agent'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='event',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='executions', to='triggers.event'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='trigger',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='executions', to='triggers.trigger'),
        ),
        migrations.AlterField(
            model_name='execution',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='executions', to='crm.workspace'),
        ),
        tie("executions_alert", "agent_id", to="agents_agent"),
        tie("executions_alert", "trigger_id", to="triggers_trigger"),
        tie("executions_execution", "event_id", to="triggers_event"),
        tie("executions_execution", "trigger_id", to="triggers_trigger"),
        tie("executions_execution", "agent_id", to="agents_agent"),
    ]
