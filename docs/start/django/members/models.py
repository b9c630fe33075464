from django.db import models

from .fields import EncryptedTextField


class Member(models.Model):
    name = models.TextField()
    iban = EncryptedTextField()
    notes = EncryptedTextField(null=True)
