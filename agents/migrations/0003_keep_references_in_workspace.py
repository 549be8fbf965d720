from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0002_add_failing_hosts'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.UniqueConstraint(fields=('workspace', 'id'), name='agent_own'),
        ),
    ]
