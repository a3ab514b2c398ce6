"""Let an invitation be for somebody who is here already: it gives them a new password."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds one column; the invitations that stand are for new persons."""

    dependencies = [("access", "0002_ledger")]
    operations = [
        migrations.AddField(
            model_name="invite",
            name="person",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    ]
