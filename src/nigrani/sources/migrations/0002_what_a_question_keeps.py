from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("sources", "0001_initial")]

    operations = [
        migrations.AddField("probe", "memory", models.JSONField(null=True)),
        migrations.AddField("probe", "cost_ms", models.FloatField(default=0)),
        migrations.AddField("probe", "pace", models.DurationField(null=True)),
        migrations.AlterField(
            "probe",
            "last_outcome",
            models.TextField(
                blank=True,
                choices=[("ok", "ok"), ("fail", "fail"), ("blind", "blind"), ("absent", "absent")],
                default="",
            ),
        ),
    ]
