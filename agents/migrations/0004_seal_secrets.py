from django.db import migrations, models

from agents import sealing


def seal(apps, schema_editor):
    """Secrets that stood in the steps in clear."""
    agents = apps.get_model('agents', 'Agent').objects
    for agent in agents.only('id', 'steps', 'sealed').iterator():
        if isinstance(agent.steps, list) and not sealing.problems(agent.steps, sealed=''):
            agent.steps, agent.sealed = sealing.seal(agent.steps, sealed='')
            agents.filter(pk=agent.pk).update(steps=agent.steps, sealed=agent.sealed)


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0003_keep_references_in_workspace'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='sealed',
            field=models.TextField(blank=True, default='', editable=False),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
