import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    """An address that is replaced twice in a day is accepted under all three."""

    dependencies = [
        ('triggers', '0010_add_watches'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhookendpoint',
            name='former',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.RunSQL(
            "UPDATE triggers_webhookendpoint"
            " SET former = jsonb_build_object(previous_hash, extract(epoch FROM previous_until))"
            " WHERE previous_hash <> '' AND previous_until IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveIndex(
            model_name='webhookendpoint',
            name='endpoint_previous',
        ),
        migrations.RemoveField(
            model_name='webhookendpoint',
            name='previous_hash',
        ),
        migrations.RemoveField(
            model_name='webhookendpoint',
            name='previous_until',
        ),
        migrations.AddIndex(
            model_name='webhookendpoint',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['former'], name='endpoint_former'),
        ),
    ]
