# Made by `manage.py makemigrations members`

import members.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField()),
                ('iban', members.fields.EncryptedTextField()),
                ('notes', members.fields.EncryptedTextField(null=True)),
            ],
        ),
    ]
