from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


def fernet():
    return MultiFernet([Fernet(key) for key in settings.FERNET_KEYS])


class EncryptedTextField(models.TextField):
    """Text that the database stores as a Fernet token."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return None if value is None else fernet().encrypt(value.encode()).decode()

    def from_db_value(self, value, expression, connection):
        return None if value is None else fernet().decrypt(value).decode()
