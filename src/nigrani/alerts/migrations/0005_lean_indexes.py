"""The indexes that a storm pays for and nothing reads are gone."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0004_threads'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alert',
            name='key',
            field=models.TextField(),
        ),
        migrations.AlterField(
            model_name='fate',
            name='transition',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='alerts.transition'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('key',), name='one_alert_a_key'),
        ),
    ]
