import django.db.models.deletion
from django.db import migrations, models

from config.lib.own_workspace import tie


class Migration(migrations.Migration):
    """Starts know their workspace, so that they cannot mix agent and trigger of two."""

    dependencies = [
        ('agents', '0003_keep_references_in_workspace'),
        ('crm', '0001_initial'),
        ('executions', '0015_count_spending'),
        ('triggers', '0003_keep_references_in_workspace'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentstart',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.workspace'),
        ),
        migrations.AlterField(
            model_name='agentstart',
            name='agent',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='starts', to='agents.agent'),
        ),
        migrations.AlterField(
            model_name='agentstart',
            name='trigger',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='starts', to='triggers.trigger'),
        ),
        migrations.RunSQL(
            "UPDATE executions_agentstart AS start SET workspace_id = agent.workspace_id,"
            " trigger_id = (SELECT id FROM triggers_trigger AS own"
            "  WHERE own.id = start.trigger_id AND own.workspace_id = agent.workspace_id)"
            " FROM agents_agent AS agent WHERE agent.id = start.agent_id",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='agentstart',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='crm.workspace'),
        ),
        tie("executions_agentstart", "agent_id", to="agents_agent"),
        tie("executions_agentstart", "trigger_id", to="triggers_trigger"),
    ]
