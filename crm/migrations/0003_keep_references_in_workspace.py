import django.db.models.deletion
from django.db import migrations, models

from config.lib.own_workspace import tie


class Migration(migrations.Migration):
    """The pair (workspace, id) instead of the id alone: no row can refer to another workspace's."""

    dependencies = [
        ('crm', '0002_bound_queue'),
    ]

    operations = [
        migrations.AlterField(
            model_name='formsubmission',
            name='contact',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='form_submissions', to='crm.contact'),
        ),
        migrations.AlterField(
            model_name='formsubmission',
            name='form',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='submissions', to='crm.form'),
        ),
        migrations.AlterField(
            model_name='note',
            name='contact',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='crm.contact'),
        ),
        migrations.AlterField(
            model_name='note',
            name='opportunity',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='crm.opportunity'),
        ),
        migrations.AlterField(
            model_name='opportunity',
            name='contact',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='opportunities', to='crm.contact'),
        ),
        migrations.AlterField(
            model_name='task',
            name='contact',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='tasks', to='crm.contact'),
        ),
        migrations.AlterField(
            model_name='task',
            name='opportunity',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='tasks', to='crm.opportunity'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='contact_own'),
        ),
        migrations.AddConstraint(
            model_name='form',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='form_own'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='opportunity_own'),
        ),
        tie("crm_formsubmission", "contact_id", to="crm_contact"),
        tie("crm_formsubmission", "form_id", to="crm_form"),
        tie("crm_note", "contact_id", to="crm_contact"),
        tie("crm_note", "opportunity_id", to="crm_opportunity"),
        tie("crm_opportunity", "contact_id", to="crm_contact"),
        tie("crm_task", "contact_id", to="crm_contact"),
        tie("crm_task", "opportunity_id", to="crm_opportunity"),
    ]
