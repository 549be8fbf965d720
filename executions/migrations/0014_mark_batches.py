from django.db import migrations


class Migration(migrations.Migration):
    """The last batch of events that was begun, and the last that ended: executions.dispatcher. Nothing undoes them."""

    dependencies = [
        ('executions', '0013_approve_steps'),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE UNLOGGED SEQUENCE executions_batch_begun",
            "DROP SEQUENCE executions_batch_begun",
        ),
        migrations.RunSQL(
            "CREATE UNLOGGED SEQUENCE executions_batch_ended MINVALUE 0 START 0",
            "DROP SEQUENCE executions_batch_ended",
        ),
    ]
